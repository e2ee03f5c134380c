package main

import (
	"math"
	"slices"
)

// sample is what one run of a pipeline cost.
type sample struct {
	// Rate is documents per second.
	Rate float64 `json:"docsPerSecond"`
	// CPU is user and system time of the measured process, in microseconds per document.
	CPU float64 `json:"cpuMicrosPerDoc"`
	// RSS is the most memory the measured process had, in MiB.
	RSS float64 `json:"peakRSSMiB"`
	// Allocs is allocations per document.
	Allocs float64 `json:"allocsPerDoc"`
	// MongoDB is CPU time of mongod, in microseconds per document.
	MongoDB float64 `json:"mongodMicrosPerDoc"`
	// Elastic is CPU time of the real Elasticsearch, in microseconds per document.
	Elastic float64 `json:"elasticMicrosPerDoc,omitempty"`
	// Others is how much of the machine was busy with something else, in percent.
	Others float64 `json:"othersPercent"`
	// Lag is the time from the end of a burst to the last acknowledgement, in milliseconds.
	Lag float64 `json:"lagMillis,omitempty"`
	// P50 and P99 are latencies in milliseconds.
	P50 float64 `json:"p50Millis,omitempty"`
	P99 float64 `json:"p99Millis,omitempty"`
}

// medians returns the median of each figure.
func medians(samples []sample) sample {
	figure := func(of func(sample) float64) float64 {
		values := make([]float64, len(samples))
		for i, s := range samples {
			values[i] = of(s)
		}
		return median(values)
	}
	return sample{
		Rate:    figure(func(s sample) float64 { return s.Rate }),
		CPU:     figure(func(s sample) float64 { return s.CPU }),
		RSS:     figure(func(s sample) float64 { return s.RSS }),
		Allocs:  figure(func(s sample) float64 { return s.Allocs }),
		MongoDB: figure(func(s sample) float64 { return s.MongoDB }),
		Elastic: figure(func(s sample) float64 { return s.Elastic }),
		Others:  figure(func(s sample) float64 { return s.Others }),
		Lag:     figure(func(s sample) float64 { return s.Lag }),
		P50:     figure(func(s sample) float64 { return s.P50 }),
		P99:     figure(func(s sample) float64 { return s.P99 }),
	}
}

// median returns the middle value, or the mean of the two in the middle; NaN of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// percentile returns the smallest value that is not below p percent of the values; NaN of none.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	v := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(v))))
	return v[min(max(rank, 1), len(v))-1]
}
