// llama.cpp's embedding mode over the sequences of make_model.py: as many complete sequences per batch as
// fit, the last token's state of each (pooling "last", no logits). compare.py builds this against the user's
// llama.cpp tree.
//
//   llama_cpp_embed MODEL.gguf SEQUENCES.bin THREADS BATCH_TOKENS [STATES.bin]
//
// SEQUENCES.bin: int32 count, int32 lengths [count], int32 tokens. STATES.bin: float32 [count, hidden].
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <vector>

#include "llama.h"

namespace {

using Tokens = std::vector<llama_token>;
constexpr int kMaxSequences = 64;  // per batch; llama.cpp's own limit is 256

std::vector<Tokens> read_sequences(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const auto read = [&](std::size_t n) {
    std::vector<std::int32_t> values(n);
    file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(n * sizeof(std::int32_t)));
    return values;
  };
  std::vector<Tokens> sequences;
  for (const std::int32_t length : read(static_cast<std::size_t>(read(1)[0])))
    sequences.push_back(Tokens(static_cast<std::size_t>(length)));
  for (Tokens& tokens : sequences) tokens = read(tokens.size());
  return sequences;
}

llama_context* open(const char* path, int threads, int batch_tokens) {
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  llama_model* model = llama_model_load_from_file(path, llama_model_default_params());
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>(batch_tokens);
  params.n_batch = params.n_ubatch = params.n_ctx;
  params.n_seq_max = kMaxSequences;
  params.n_threads = params.n_threads_batch = threads;
  params.pooling_type = LLAMA_POOLING_TYPE_LAST;
  params.attention_type = LLAMA_ATTENTION_TYPE_CAUSAL;
  params.embeddings = true;
  params.kv_unified = true;
  llama_context* context = model != nullptr ? llama_init_from_model(model, params) : nullptr;
  if (context == nullptr) {
    std::fprintf(stderr, "llama_cpp_embed: cannot open %s\n", path);
    std::exit(3);
  }
  return context;
}

class Embedder {
 public:
  Embedder(llama_context* context, int batch_tokens)
      : context_(context),
        batch_tokens_(batch_tokens),
        batch_(llama_batch_init(batch_tokens, 0, 1)),
        width_(llama_model_n_embd(llama_get_model(context))) {}

  // Longest first, so that a batch holds sequences of similar length.
  std::vector<float> run(const std::vector<Tokens>& sequences) {
    std::vector<std::size_t> order(sequences.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return sequences[a].size() > sequences[b].size(); });
    states_.assign(sequences.size() * static_cast<std::size_t>(width_), 0.0F);
    for (const std::size_t i : order) {
      const bool full = batch_.n_tokens + static_cast<int>(sequences[i].size()) > batch_tokens_;
      if (full || members_.size() == kMaxSequences) flush();
      add(sequences[i], i);
    }
    flush();
    return states_;
  }

 private:
  void add(const Tokens& tokens, std::size_t index) {
    for (std::size_t position = 0; position < tokens.size(); ++position) {
      const int at = batch_.n_tokens++;
      batch_.token[at] = tokens[position];
      batch_.pos[at] = static_cast<llama_pos>(position);
      batch_.n_seq_id[at] = 1;
      batch_.seq_id[at][0] = static_cast<llama_seq_id>(members_.size());
      batch_.logits[at] = 1;
    }
    members_.push_back(index);
  }

  void flush() {
    if (members_.empty()) return;
    if (llama_memory_t memory = llama_get_memory(context_)) llama_memory_clear(memory, true);
    if (llama_decode(context_, batch_) != 0) {
      std::fprintf(stderr, "llama_cpp_embed: llama_decode failed\n");
      std::exit(1);
    }
    for (std::size_t s = 0; s < members_.size(); ++s) {
      const float* row = llama_get_embeddings_seq(context_, static_cast<llama_seq_id>(s));
      std::copy_n(row, width_, states_.begin() + static_cast<std::ptrdiff_t>(members_[s]) * width_);
    }
    members_.clear();
    batch_.n_tokens = 0;
  }

  llama_context* context_;
  int batch_tokens_;
  llama_batch batch_;
  int width_;
  std::vector<std::size_t> members_;
  std::vector<float> states_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const int batch_tokens = std::atoi(argv[4]);
  const std::vector<Tokens> sequences = read_sequences(argv[2]);
  Embedder embedder(open(argv[1], std::atoi(argv[3]), batch_tokens), batch_tokens);
  embedder.run({sequences.front()});
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t cpu_begin = std::clock();
  const std::vector<float> states = embedder.run(sequences);
  const double cpu_seconds = static_cast<double>(std::clock() - cpu_begin) / CLOCKS_PER_SEC;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::size_t tokens = 0;
  for (const Tokens& sequence : sequences) tokens += sequence.size();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("{\"tokens\": %zu, \"seconds\": %.4f, \"cpu_seconds\": %.4f, \"peak_rss_mib\": %ld}\n", tokens,
              seconds, cpu_seconds, usage.ru_maxrss / 1024);
  if (argc > 5)
    std::ofstream(argv[5], std::ios::binary)
        .write(reinterpret_cast<const char*>(states.data()),
               static_cast<std::streamsize>(states.size() * sizeof(float)));
  return 0;
}
