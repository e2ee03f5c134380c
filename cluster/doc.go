// Package cluster lets several processes share one job: as one that leads and others that stand by ([NewLease]), or as
// workers that divide the documents among themselves ([Partition]).
package cluster
