// Batches, limits, dropped clients and failures of the queue of rows, with a score of the tests' own.
#include "stages/serving/score_queue.h"

#include <future>

#include "core/error.h"
#include "support/log_capture.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages;
using namespace armorm::stages::serving;
using namespace armorm::test;
using Catch::Matchers::Contains;
using namespace std::chrono_literals;

namespace {

scoring::ScoreRow row_of(std::size_t tokens, text::tokenizer::TokenId first, std::int64_t prompt = 0) {
  scoring::ScoreRow row;
  row.tokens.assign(tokens, first);
  row.gating = prompt;
  return row;
}

// Scores a row with its first token; holds the first batch until it is opened.
class Scores {
 public:
  ScoreQueue::Score function() {
    return [this](std::vector<scoring::ScoreRow>& rows) {
      if (held_) opened_.get_future().wait();
      held_ = false;
      std::vector<serve::ScoreOutput> outputs(rows.size());
      for (std::size_t i = 0; i < rows.size(); ++i)
        outputs[i].score = static_cast<float>(rows[i].tokens.front());
      const std::lock_guard lock(mutex_);
      batches_.push_back(rows.size());
      return outputs;
    };
  }
  void hold() { held_ = true; }
  void open() { opened_.set_value(); }
  std::vector<std::size_t> batches() {
    const std::lock_guard lock(mutex_);
    return batches_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::size_t> batches_;
  std::atomic<bool> held_ = false;
  std::promise<void> opened_;
};

struct Client {
  std::promise<serve::ScoreOutput> promise;
  std::future<serve::ScoreOutput> output = promise.get_future();
  std::atomic<bool> gone = false;

  Job job(scoring::ScoreRow row) {
    Job job;
    job.row = std::move(row);
    job.dropped = [this] { return gone.load(); };
    job.done = [this](serve::ScoreOutput scored) { promise.set_value(std::move(scored)); };
    return job;
  }
  serve::ScoreOutput wait() {
    REQUIRE(output.wait_for(20s) == std::future_status::ready);
    return output.get();
  }
};

std::vector<Job> one(Job job) {
  std::vector<Job> jobs;
  jobs.push_back(std::move(job));
  return jobs;
}

void wait_until_taken(const ScoreQueue& queue) {
  while (queue.counts().waiting_rows > 0) std::this_thread::sleep_for(1ms);
}

}  // namespace

TEST_CASE("rows of several requests are scored in batches of at most so many tokens, in order", "[unit]") {
  Scores scores;
  scores.hold();
  std::vector<Client> clients(6);
  ScoreQueue queue(scores.function(), {.max_wait = 0ms, .batch_tokens = 25});
  REQUIRE_FALSE(queue.add(one(clients[0].job(row_of(10, 0)))));
  wait_until_taken(queue);
  for (int i = 1; i < 6; ++i)
    REQUIRE_FALSE(queue.add(one(clients[static_cast<std::size_t>(i)].job(row_of(10, i)))));
  scores.open();
  for (int i = 0; i < 6; ++i)
    CHECK(clients[static_cast<std::size_t>(i)].wait().score == static_cast<float>(i));
  CHECK(scores.batches() == std::vector<std::size_t>{1, 2, 2, 1});
  CHECK(queue.counts().rows == 6);
  CHECK(queue.counts().tokens == 60);
}

TEST_CASE("a prompt that rows of a batch share counts once, and a row longer than a batch is one", "[unit]") {
  Scores scores;
  scores.hold();
  std::vector<Client> clients(6);
  ScoreQueue queue(scores.function(), {.max_wait = 0ms, .batch_tokens = 130});
  REQUIRE_FALSE(queue.add(one(clients[0].job(row_of(500, 7)))));
  wait_until_taken(queue);
  std::vector<Job> group;
  for (std::size_t i = 1; i < 5; ++i) group.push_back(clients[i].job(row_of(110, 1, 100)));
  REQUIRE_FALSE(queue.add(std::move(group)));
  REQUIRE_FALSE(queue.add(one(clients[5].job(row_of(500, 8)))));
  scores.open();
  for (Client& client : clients) client.wait();
  CHECK(scores.batches() == std::vector<std::size_t>{1, 3, 1, 1});
}

TEST_CASE("a row waits for others no longer than asked", "[unit]") {
  Scores scores;
  std::vector<Client> clients(2);
  ScoreQueue queue(scores.function(), {.max_wait = 300ms, .batch_tokens = 20});
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE_FALSE(queue.add(one(clients[0].job(row_of(10, 1)))));
  REQUIRE_FALSE(queue.add(one(clients[1].job(row_of(10, 2)))));  // the batch is full
  for (Client& client : clients) client.wait();
  CHECK(scores.batches() == std::vector<std::size_t>{2});
  CHECK(std::chrono::steady_clock::now() - begin < 200ms);
}

TEST_CASE("requests beyond the rows or the time that may wait are refused as a whole", "[unit]") {
  Scores scores;
  scores.hold();
  std::vector<Client> clients(8);
  ScoreQueue queue(scores.function(), {.max_wait = 0ms, .batch_tokens = 10, .max_rows = 3});
  REQUIRE_FALSE(queue.add(one(clients[0].job(row_of(10, 0)))));
  wait_until_taken(queue);
  std::vector<Job> many;  // an idle queue takes any request
  for (std::size_t i = 1; i < 5; ++i) many.push_back(clients[i].job(row_of(10, 1)));
  REQUIRE_FALSE(queue.add(std::move(many)));
  CHECK(queue.overload());
  const auto retry = queue.add(one(clients[5].job(row_of(10, 5))));
  REQUIRE(retry);
  CHECK(*retry >= 1s);
  CHECK(queue.counts().waiting_rows == 4);
  std::thread waits([&] { CHECK(queue.add_when_possible(clients[6].job(row_of(10, 6)))); });
  scores.open();
  waits.join();
  CHECK(clients[6].wait().score == 6.0F);
  CHECK_FALSE(queue.overload());
}

TEST_CASE("a request is judged by what waits before it, however large it is", "[unit]") {
  Scores scores;
  scores.hold();
  std::vector<Client> clients(6);
  ScoreQueue queue(
      scores.function(),
      {.max_wait = 0ms, .batch_tokens = 10, .max_rows = 4, .max_delay = 10s, .tokens_per_second = 10.0});
  REQUIRE_FALSE(queue.add(one(clients[0].job(row_of(10, 0)))));
  wait_until_taken(queue);
  REQUIRE_FALSE(queue.add(one(clients[1].job(row_of(10, 1)))));
  std::vector<Job> large;  // with the two before it, more than the rows and the time that may wait
  for (std::size_t i = 2; i < 6; ++i) large.push_back(clients[i].job(row_of(100, 1)));
  CHECK_FALSE(queue.add(std::move(large)));
  CHECK(queue.overload());
  scores.open();
  for (Client& client : clients) client.wait();
}

TEST_CASE(
    "a request that would wait longer than allowed is refused, by the speed known before the first batch",
    "[unit]") {
  Scores scores;
  scores.hold();
  std::vector<Client> clients(4);
  ScoreQueue queue(scores.function(),
                   {.max_wait = 0ms, .batch_tokens = 10, .max_delay = 2s, .tokens_per_second = 10.0});
  REQUIRE_FALSE(queue.add(one(clients[0].job(row_of(10, 0)))));
  wait_until_taken(queue);
  REQUIRE_FALSE(queue.add(one(clients[1].job(row_of(10, 1)))));
  REQUIRE_FALSE(queue.add(one(clients[2].job(row_of(10, 2)))));  // 2 s before it, with what is being scored
  CHECK(queue.add(one(clients[3].job(row_of(10, 3)))) == std::optional(1s));
  scores.open();
  CHECK(clients[2].wait().score == 2.0F);
}

TEST_CASE("the rows of clients that have left are not scored", "[unit]") {
  Scores scores;
  scores.hold();
  std::vector<Client> clients(3);
  ScoreQueue queue(scores.function(), {.max_wait = 0ms, .batch_tokens = 100});
  REQUIRE_FALSE(queue.add(one(clients[0].job(row_of(10, 0)))));
  wait_until_taken(queue);
  REQUIRE_FALSE(queue.add(one(clients[1].job(row_of(10, 1)))));
  REQUIRE_FALSE(queue.add(one(clients[2].job(row_of(10, 2)))));
  clients[1].gone = true;
  scores.open();
  CHECK(clients[2].wait().score == 2.0F);
  CHECK(scores.batches() == std::vector<std::size_t>{1, 1});
  CHECK(queue.counts().dropped_rows == 1);
  CHECK(clients[1].output.wait_for(0s) == std::future_status::timeout);
}

TEST_CASE("an error fails its batch alone, unless the model's files are no longer what they were", "[unit]") {
  ErrorKind kind = ErrorKind::internal;
  bool fails = true;
  std::vector<std::string> log;
  const LogCapture capture(log);
  ScoreQueue queue(
      [&](std::vector<scoring::ScoreRow>& rows) {
        if (fails) throw Error(kind, "model: a reason");
        return std::vector<serve::ScoreOutput>(rows.size());
      },
      {.max_wait = 0ms});
  std::vector<Client> clients(3);
  REQUIRE_FALSE(queue.add(one(clients[0].job(row_of(1, 1)))));
  const serve::ScoreOutput failed = clients[0].wait();
  CHECK(failed.is_server_fault);
  CHECK_THAT(failed.error, Contains("its log has the reason"));  // which may name files of the server
  CHECK(queue.failure().empty());
  fails = false;
  REQUIRE_FALSE(queue.add(one(clients[1].job(row_of(1, 1)))));
  CHECK(clients[1].wait().error.empty());
  fails = true;
  kind = ErrorKind::data;
  REQUIRE_FALSE(queue.add(one(clients[2].job(row_of(1, 1)))));
  CHECK(clients[2].wait().is_server_fault);
  CHECK(queue.failure() == "model: a reason");
  CHECK(queue.counts().failed_rows == 2);
  CHECK(queue.counts().rows == 1);
}

TEST_CASE("a queue that is stopped drops what waits, and ends", "[unit]") {
  Scores scores;
  scores.hold();
  std::vector<Client> clients(2);
  ScoreQueue queue(scores.function(), {.max_wait = 0ms});
  REQUIRE_FALSE(queue.add(one(clients[0].job(row_of(1, 1)))));
  wait_until_taken(queue);
  REQUIRE_FALSE(queue.add(one(clients[1].job(row_of(1, 1)))));
  std::thread opens([&] { scores.open(); });
  queue.stop();
  opens.join();
  CHECK(clients[0].wait().score == 1.0F);
  CHECK_FALSE(queue.add_when_possible(clients[1].job(row_of(1, 1))));
}
