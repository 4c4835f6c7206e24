// Rows as JSON Lines, both ways: answered in order while further ones arrive.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "serve/http_server.h"
#include "stages/serving/score_request.h"

namespace armorm::stages::serving {

struct RowStreamOptions {
  std::int64_t max_streams = 16;          // at a time
  std::size_t max_line_bytes = 64 << 20;  // a longer line is a bad row
  std::size_t window = 256;               // rows of a stream that are read and not yet answered
};

// Thread-safe. Each stream has two threads: one reads and encodes rows, one writes answers.
class RowStreams {
 public:
  RowStreams(const RequestContext& context, RowStreamOptions options)
      : context_(context), options_(options) {}
  ~RowStreams();  // waits for all streams, which end with their exchanges

  // Of one stream, from its head until its end.
  class Place {
   public:
    explicit Place(RowStreams& streams) : streams_(streams) {}
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    RowStreams& streams_;
  };
  std::shared_ptr<Place> enter();  // null when there are too many streams
  void start(std::shared_ptr<Place> place, std::shared_ptr<serve::Exchange> exchange);

 private:
  const RequestContext& context_;
  RowStreamOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t open_ = 0;  // guarded by mutex_
};

}  // namespace armorm::stages::serving
