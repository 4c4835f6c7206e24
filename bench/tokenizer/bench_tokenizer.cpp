// bench_tokenizer ids  TOKENIZER_JSON IN OUT              ids of every text, for comparison
// bench_tokenizer time TOKENIZER_JSON IN THREADS REPEATS  "seconds tokens" of the fastest repeat
// IN holds texts as <u32 bytes><bytes>, OUT ids as <u32 count><i32 ids>.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <thread>

#include "core/error.h"
#include "io/read_file.h"
#include "text/tokenizer/tokenizer.h"

namespace {

std::vector<std::string_view> split_texts(const std::string& bytes) {
  std::vector<std::string_view> texts;
  for (std::size_t at = 0; at + 4 <= bytes.size();) {
    std::uint32_t size;
    std::memcpy(&size, bytes.data() + at, 4);
    texts.push_back(std::string_view(bytes).substr(at + 4, size));
    at += 4 + size;
  }
  return texts;
}

void write_ids(const armorm::text::tokenizer::Tokenizer& tokenizer,
               const std::vector<std::string_view>& texts, const char* path) {
  std::ofstream out(path, std::ios::binary);
  for (const std::string_view text : texts) {
    const auto ids = tokenizer.encode(text, true);
    const auto count = static_cast<std::uint32_t>(ids.size());
    out.write(reinterpret_cast<const char*>(&count), 4);
    out.write(reinterpret_cast<const char*>(ids.data()), static_cast<std::streamsize>(4 * ids.size()));
  }
}

double encode_all(const armorm::text::tokenizer::Tokenizer& tokenizer,
                  const std::vector<std::string_view>& texts, int n_threads,
                  std::atomic<std::size_t>& tokens) {
  std::atomic<std::size_t> next{0};
  tokens = 0;
  const auto work = [&] {
    std::size_t mine = 0;
    for (std::size_t i = next++; i < texts.size(); i = next++)
      mine += tokenizer.encode(texts[i], true).size();
    tokens += mine;
  };
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int t = 1; t < n_threads; ++t) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (!(mode == "ids" && argc == 5) && !(mode == "time" && argc == 6)) {
    armorm::fail_usage("bench_tokenizer ids|time TOKENIZER_JSON IN (OUT | THREADS REPEATS)");
  }
  const auto tokenizer =
      armorm::text::tokenizer::Tokenizer::from_json(armorm::io::read_text_file(argv[2]), argv[2]);
  const std::string bytes = armorm::io::read_text_file(argv[3]);
  const auto texts = split_texts(bytes);
  if (mode == "ids") {
    write_ids(tokenizer, texts, argv[4]);
    return 0;
  }
  double best = 1e30;
  std::atomic<std::size_t> tokens{0};
  for (int i = 0; i < std::atoi(argv[5]); ++i) {
    best = std::min(best, encode_all(tokenizer, texts, std::atoi(argv[4]), tokens));
  }
  std::cout << best << ' ' << tokens << '\n';
  return 0;
} catch (const armorm::Error& e) {
  std::cerr << e.what() << '\n';
  return e.exit_code();
}
