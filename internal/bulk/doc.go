// Package bulk writes actions in the form of Elasticsearch's bulk API. The sink sends what it writes; everything else
// that shows, compares or checks actions uses the same encoder, so that there is one answer to what an action means.
package bulk
