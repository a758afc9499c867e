// Command main is the Go peer of the scrape bench: Debian's client_golang behind its own promhttp.
// It holds the series of benches/src/encoders/workload.rs and speaks the protocol of
// benches/src/scrape/order.rs: its address first, then a line "done" for each change it is told.
package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Counters that stand for one family: all share the registry.
type peer []prometheus.Counter

func newPeer(registry *prometheus.Registry, series int) peer {
	family := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sync_operations_total",
		Help: "Operations that a component finished in a namespace of a cluster",
	}, []string{"cluster", "component", "namespace", "operation"})
	registry.MustRegister(family)
	counters := make(peer, series)
	for i := range counters {
		counters[i] = family.WithLabelValues(
			fmt.Sprintf("cluster-eu-west-%02d", i%10),
			fmt.Sprintf("scheduler-%d", i/10%10),
			fmt.Sprintf("workspace-payments-%03d", i/1000),
			fmt.Sprintf("reconcile-resources-%d", i/100%10),
		)
		counters[i].Add(float64(1_000_000 + i*37%8_000_000))
	}
	return counters
}

func (p peer) change(what string, turn int) error {
	length, stride := len(p), len(p)
	switch what {
	case "nothing":
		return nil
	case "all":
	case "runs":
		length = 100
		if len(p)/100 < length {
			length = len(p) / 100
		}
		stride = 100 * length
	default:
		return fmt.Errorf("unknown change %q", what)
	}
	for start := turn * length % stride; start < len(p); start += stride {
		for i := start; i < start+length && i < len(p); i++ {
			p[i].Add(float64(i%7 + 1))
		}
	}
	return nil
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: %s SERIES", os.Args[0])
	}
	series, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	counters := newPeer(registry, series)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	go func() {
		fmt.Fprintln(os.Stderr, http.Serve(listener, nil))
		os.Exit(1)
	}()
	fmt.Println(listener.Addr())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var what string
		var turn int
		if _, err := fmt.Sscan(lines.Text(), &what, &turn); err != nil {
			return err
		}
		if err := counters.change(what, turn); err != nil {
			return err
		}
		fmt.Println("done")
	}
	return lines.Err()
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
