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

// retryPorts calls start, and again when a port was taken, for which start chooses other ports. A fixed port is tried
// once.
func retryPorts(fixed bool, start func() error) error {
	const attempts = 5
	for attempt := 1; ; attempt++ {
		err := start()
		if !errors.Is(err, errPortTaken) || fixed || attempt == attempts {
			return err
		}
	}
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
