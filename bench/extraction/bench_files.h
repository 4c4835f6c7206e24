// Shared by the two benchmark programs: flags, the sequences of make_model.py, clocks and memory.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/words.h"
#include "io/safetensors.h"
#include "model/backbone.h"
#include "model/cpu_kernels.h"
#include "model/model_config.h"

namespace armorm::bench {

// "--name value" pairs after a folder.
class Flags {
 public:
  Flags(int argc, char** argv, std::map<std::string, std::string> defaults) : values_(std::move(defaults)) {
    if (argc < 2) fail_usage("expected the folder of make_model.py");
    folder = argv[1];
    for (int i = 2; i + 1 < argc; i += 2) {
      const auto flag = values_.find(std::string(argv[i]).substr(2));
      if (flag == values_.end()) fail_usage("{}: no such flag", argv[i]);
      flag->second = argv[i + 1];
    }
  }
  const std::string& text(const std::string& name) const { return values_.at(name); }
  std::int64_t number(const std::string& name) const { return std::stoll(text(name)); }
  bool on(const std::string& name) const { return number(name) != 0; }

  std::string folder;

 private:
  std::map<std::string, std::string> values_;
};

// Those of --kernels, for products of --precision on the CPU; "auto" measures, as the programs do. Names that
// mean the kernels of another name at this precision are refused.
inline void use_flagged_kernels(const Flags& flags, bool batch_invariant) {
  if (flags.number("device") >= 0) return;
  const auto precision = parse_word<Precision>("--precision", flags.text("precision"));
  const auto kernels = parse_word<CpuKernels>("--kernels", flags.text("kernels"));
  if (kernels == CpuKernels::measured) {
    const auto config = model::ModelConfig::load(flags.folder);
    return model::use_kernels(
        model::preferred_kernels(model::measure_kernels(config, precision, batch_invariant)));
  }
  const std::vector<CpuKernels> available = model::available_kernels(precision, batch_invariant);
  if (std::ranges::find(available, kernels) == available.end())
    fail_usage("--kernels: {} has no {} products of its own here", name_of(kernels), name_of(precision));
  model::use_kernels(kernels);
}

inline std::vector<std::vector<text::tokenizer::TokenId>> read_sequences(const std::string& folder,
                                                                         std::int64_t limit) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(folder + "/bench.safetensors");
  const auto tokens = file.at("tokens").as<std::int32_t>();
  const auto starts = file.at("cu_seqlens").as<std::int64_t>();
  std::vector<std::vector<text::tokenizer::TokenId>> out;
  for (std::size_t i = 0; i + 1 < starts.size() && std::ssize(out) < limit; ++i)
    out.emplace_back(tokens.begin() + starts[i], tokens.begin() + starts[i + 1]);
  return out;
}

// Wall clock and processor time since construction. Processor time varies less on a machine with other work.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }
  double cpu_seconds() const { return static_cast<double>(std::clock() - cpu_begin_) / CLOCKS_PER_SEC; }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::clock_t cpu_begin_ = std::clock();
};

inline std::int64_t peak_rss_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

}  // namespace armorm::bench
