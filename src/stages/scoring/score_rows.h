// The input side of score: converts lines to token ids, reading ahead on its own thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "data/conversation_row.h"
#include "io/line_source.h"
#include "text/tokenizer/tokenizer.h"

namespace armorm::stages::scoring {

struct ScoreRow : data::RowKeys {
  std::int64_t line = 0;                         // in the input, from 1
  std::vector<text::tokenizer::TokenId> tokens;  // empty for a bad row
  std::int64_t gating = 0;                       // start of the last gating pattern
  bool special_in_content = false;
  bool no_final_answer = false;  // the last turn is of a user, the system or a tool
  bool open_answer = false;      // of a rendered text: does not end as the template ends an answer
  std::string error;             // reason why the row is bad
  std::size_t result = 0;        // of a scored row: the number of its values in the scores
};

// Runs `fill` on the row; a data error of it makes a bad row.
void fill_row(ScoreRow& row, const std::function<void(ScoreRow& row)>& fill);

struct ScoreReaderOptions {
  std::size_t window = 1024;  // maximum number of rows read ahead, >= 1
  int threads = 1;
  bool stop_at_bad = true;  // read nothing after a bad row
  std::vector<std::string> copy_keys{};
};

class ScoreReader {
 public:
  // `encode` sets the tokens of a row from its conversation, on several threads at once; its data errors make
  // a bad row.
  using Encode = std::function<void(const Conversation& conversation, ScoreRow& row)>;
  ScoreReader(std::unique_ptr<io::LineSource> source, ScoreReaderOptions options, Encode encode);
  ~ScoreReader();  // does not wait for input

  // The next rows, in order: a full window, or the rows at hand when no more input is waiting. Empty at the
  // end. Rethrows errors of the reading thread.
  std::vector<ScoreRow> next();

 private:
  struct Line {
    std::int64_t number;
    std::string text;
    std::string problem;  // why there is no text
  };
  void read_all();
  bool read_some(std::vector<Line>& lines);
  io::LineSource::Got take_line(std::string& text, std::string& problem, bool waits);
  io::LineSource::Got wait_for_line(std::string& text);
  std::vector<ScoreRow> encode_all(const std::vector<Line>& lines) const;
  bool hand_over(std::vector<ScoreRow> rows);
  void set_idle(bool idle);
  bool is_stopping();

  std::unique_ptr<io::LineSource> source_;
  ScoreReaderOptions options_;
  Encode encode_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ScoreRow> ready_;  // guarded by mutex_, like the members below
  bool idle_ = false;            // no line is waiting to be read
  bool finished_ = false;
  bool stopping_ = false;
  std::exception_ptr failure_;

  std::thread thread_;  // last member: it uses all of the above
};

}  // namespace armorm::stages::scoring
