package main

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"certsweep/cmd/certsweep-queue/queue"
	"certsweep/cmd/certsweep-queue/server"
	"certsweep/cmd/internal/process"
)

// serveMetrics serves metrics at addr until stop is called. An empty addr serves
// nothing.
func serveMetrics(addr string, e *environment, metrics ...prometheus.Collector) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, process.Usage("--metrics: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics...)
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	return func() {
		s.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			e.sayf("--metrics: %v", err)
		}
	}, nil
}

// metrics are those of a worker.
func (c *counts) metrics() prometheus.Collector {
	return gather{
		{"certsweep_queue_worker_targets_total", "Targets that this worker has scanned.", prometheus.CounterValue, func() float64 { return float64(c.targets.Load()) }},
		{"certsweep_queue_worker_targets_failed_total", "Those of them without a handshake.", prometheus.CounterValue, func() float64 { return float64(c.failed.Load()) }},
		{"certsweep_queue_worker_batches_total", "Batches that this worker has finished.", prometheus.CounterValue, func() float64 { return float64(c.batches.Load()) }},
		{"certsweep_queue_worker_batches_refused_total", "Those of them that another worker had finished first.", prometheus.CounterValue, func() float64 { return float64(c.refused.Load()) }},
	}
}

// gather is a set of metrics that are read when they are asked for.
type gather []struct {
	name, help string
	kind       prometheus.ValueType
	value      func() float64
}

func (g gather) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(g, to) }

func (g gather) Collect(to chan<- prometheus.Metric) {
	for _, m := range g {
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc(m.name, m.help, nil, nil), m.kind, m.value())
	}
}

// jobMetrics are those of a server's jobs.
type jobMetrics struct{ server *server.Server }

func serverMetrics(s *server.Server) prometheus.Collector { return jobMetrics{s} }

func (m jobMetrics) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, to) }

func (m jobMetrics) Collect(to chan<- prometheus.Metric) {
	gauge := func(name, help string, value float64) {
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, value)
	}
	state := m.server.State(queue.Consumer)
	gauge("certsweep_queue_connections", "Clients of the server.", float64(state.Connections))
	gauge("certsweep_queue_store_bytes", "What the store has.", float64(state.StoreBytes))
	gauge("certsweep_queue_store_limit_bytes", "What the store may have.", float64(state.StoreLimit))
	job := func(name, help string, value float64, job string) {
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, []string{"job"}, nil), prometheus.GaugeValue, value, job)
	}
	for _, stream := range state.Streams {
		name, ok := queue.JobOf(stream.Name)
		if !ok {
			continue
		}
		job("certsweep_queue_job_batches_waiting", "Batches that no worker has.", float64(stream.Waiting), name)
		job("certsweep_queue_job_batches_in_work", "Batches that workers have.", float64(stream.InWork), name)
		job("certsweep_queue_job_store_bytes", "What the job has in the store.", float64(stream.Bytes), name)
	}
}
