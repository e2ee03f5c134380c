// Package faultproxy puts faults between a test and a server: a TCP proxy whose connections can be cut, refused, held
// and slowed down while they are in use, and an HTTP proxy whose requests a test may answer itself.
//
//	p := faultproxy.New(t, "127.0.0.1:9200")
//	p.CutAfter(100, faultproxy.ToClient) // the reply after next breaks off in the middle
//	p.Blackhole(true)                    // from here on nothing arrives anywhere
//
//	p := faultproxy.HTTP(t, "http://127.0.0.1:9200")
//	p.Handle(faultproxy.Status(http.StatusServiceUnavailable))
//	p.Handle(faultproxy.RefuseItems(http.StatusTooManyRequests, "es_rejected_execution_exception", everyThird))
//
// A proxy ends with its test.
package faultproxy
