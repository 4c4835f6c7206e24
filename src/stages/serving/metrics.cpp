#include "stages/serving/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace armorm::stages::serving {
namespace {

class Page {
 public:
  void head(const char* name, const char* type, const char* help) {
    fmt::format_to(out(), "# HELP armorm_{} {}\n# TYPE armorm_{} {}\n", name, help, name, type);
  }
  template <class T>
  void single(const char* name, const char* type, const char* help, T value) {
    head(name, type, help);
    fmt::format_to(out(), "armorm_{} {}\n", name, value);
  }
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(out(), "armorm_");
    fmt::format_to(out(), format, std::forward<Args>(args)...);
    text_ += '\n';
  }
  std::string take() { return std::move(text_); }

 private:
  std::back_insert_iterator<std::string> out() { return std::back_inserter(text_); }
  std::string text_;
};

void add_queue(const QueueCounts& queue, Page& page) {
  page.single("queue_rows", "gauge", "Conversations that wait.", queue.waiting_rows);
  page.single("queue_tokens", "gauge", "Tokens of the conversations that wait.", queue.waiting_tokens);
  page.single("batches_total", "counter", "Batches that were scored.", queue.batches);
  page.single("rows_total", "counter", "Conversations that have a score.", queue.rows);
  page.single("tokens_total", "counter", "Tokens of all batches.", queue.tokens);
  page.single("dropped_rows_total", "counter", "Conversations whose client left before they were scored.",
              queue.dropped_rows);
  page.single("failed_rows_total", "counter", "Conversations that the server failed to score.",
              queue.failed_rows);
  page.single("scoring_seconds_total", "counter", "Time spent on batches.", queue.seconds);
}

void add_notes(const RowNoteCounts& notes, Page& page) {
  page.single("open_answer_rows_total", "counter", "Texts that do not end as the template ends an answer.",
              notes.open_answers);
  page.single("no_answer_rows_total", "counter", "Conversations whose last turn is not an answer.",
              notes.without_answer);
  page.single("special_in_content_rows_total", "counter",
              "Conversations of which a message has the text of a special token.", notes.special_in_content);
}

void add_http(const serve::HttpCounts& http, Page& page) {
  page.single("connections", "gauge", "Open connections.", http.connections);
  // Not connections_total: OpenMetrics takes that for the counter of the family `connections`.
  page.single("accepted_connections_total", "counter", "Connections that were accepted.", http.accepted);
  page.single("refused_connections_total", "counter", "Connections beyond --max_connections.",
              http.refused_connections);
  page.single("timeouts_total", "counter", "Requests and answers that timed out.", http.timeouts);
  page.single("disconnects_total", "counter", "Clients that left before their answer.", http.disconnects);
}

void add_extraction(const model::ExtractionStats& stats, std::uint64_t cache_bytes, Page& page) {
  page.single("computed_tokens_total", "counter", "Tokens that went through the decoder.",
              stats.computed_tokens);
  page.single("prompt_cache_tokens_total", "counter",
              "Tokens whose keys and values came from the cache of prompts.", stats.cached_tokens);
  page.single("prompt_cache_lookups_total", "counter", "Conversations looked up in the cache of prompts.",
              stats.cache_lookups);
  page.single("prompt_cache_hits_total", "counter", "Of these, with tokens from the cache.",
              stats.cache_hits);
  page.single("prompt_cache_bytes", "gauge", "Bytes of the cache of prompts.", cache_bytes);
  page.single("passes_total", "counter", "Forward passes.", stats.passes);
}

}  // namespace

void Metrics::count_answer(const std::string& path, int status) {
  const std::lock_guard lock(mutex_);
  ++answers_[{path, status}];
}

void Metrics::add_latency(const std::string& path, double seconds) {
  const auto bucket = std::ranges::lower_bound(kBounds, seconds) - kBounds.begin();
  const std::lock_guard lock(mutex_);
  Latency& latency = latencies_[path];
  ++latency.counts[static_cast<std::size_t>(bucket)];
  latency.seconds += seconds;
}

void Metrics::set_extraction(const model::ExtractionStats& stats, std::uint64_t cache_bytes) {
  const std::lock_guard lock(mutex_);
  extraction_ = stats;
  cache_bytes_ = cache_bytes;
}

std::string Metrics::text(const QueueCounts& queue, const RowNoteCounts& notes,
                          const serve::HttpCounts& http) const {
  Page page;
  add_queue(queue, page);
  add_notes(notes, page);
  add_http(http, page);
  const std::lock_guard lock(mutex_);
  add_extraction(extraction_, cache_bytes_, page);
  page.head("requests_total", "counter",
            "Answers that were begun, by path and status; path other: none of the server's.");
  for (const auto& [key, count] : answers_)
    page.line("requests_total{{path=\"{}\",status=\"{}\"}} {}", key.first, key.second, count);
  page.head("request_seconds", "histogram",
            "From the complete arrival of a request to its answer; without refusals before that and without "
            "streams.");
  for (const auto& [path, latency] : latencies_) {
    std::int64_t total = 0;
    for (std::size_t i = 0; i < kBounds.size(); ++i)
      page.line("request_seconds_bucket{{path=\"{}\",le=\"{}\"}} {}", path, kBounds[i],
                total += latency.counts[i]);
    page.line("request_seconds_bucket{{path=\"{}\",le=\"+Inf\"}} {}", path, total += latency.counts.back());
    page.line("request_seconds_sum{{path=\"{}\"}} {}", path, latency.seconds);
    page.line("request_seconds_count{{path=\"{}\"}} {}", path, total);
  }
  return page.take();
}

}  // namespace armorm::stages::serving
