package testservers

import (
	"errors"
	"net"
	"time"
)

// freePorts returns n different ports on which nobody listens. Somebody may take one before the server does:
// see retryPorts.
func freePorts(n int) (ports []int, err error) {
	for range n {
		listener, listenErr := net.Listen("tcp", "127.0.0.1:0")
		if listenErr != nil {
			return nil, listenErr
		}
		defer func() { err = errors.Join(err, listener.Close()) }()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// retryPorts calls start again, which chooses other ports, when one was taken.
func retryPorts(start func() error) error {
	const attempts = 5
	var err error
	for range attempts {
		if err = start(); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

// answers reports whether somebody listens at the address.
func answers(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
