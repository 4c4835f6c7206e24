// What /metrics shows, in the text format of Prometheus.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "model/extractor.h"
#include "serve/http_server.h"
#include "stages/serving/row_notes.h"
#include "stages/serving/score_queue.h"

namespace armorm::stages::serving {

// Thread-safe.
class Metrics {
 public:
  void count_answer(const std::string& path, int status);
  // Of a request that was read: `seconds` from its complete arrival until its answer was handed over.
  void add_latency(const std::string& path, double seconds);
  // Totals of the extraction engine, and the bytes of its cache of prompts.
  void set_extraction(const model::ExtractionStats& stats, std::uint64_t cache_bytes);

  std::string text(const QueueCounts& queue, const RowNoteCounts& notes, const serve::HttpCounts& http) const;

  // Upper bounds of the histogram's buckets, in seconds.
  static constexpr std::array<double, 14> kBounds{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                                                  0.2,   0.5,   1.0,   2.0,  5.0,  10.0, 30.0};

 private:
  struct Latency {
    std::array<std::int64_t, kBounds.size() + 1> counts{};  // the last one beyond all bounds
    double seconds = 0.0;
  };
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::int64_t> answers_;  // by path and status
  std::map<std::string, Latency> latencies_;                     // by path
  model::ExtractionStats extraction_;
  std::uint64_t cache_bytes_ = 0;
};

}  // namespace armorm::stages::serving
