// bench_debiasing FILE.safetensors [grid|bisection] [threads]: times the search for verbosity penalties on
// the tensor `rewards` [M, K]; prints one JSON object. compare_scipy.py runs it.
#include <chrono>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/words.h"
#include "gating/verbosity.h"
#include "io/safetensors.h"

namespace {

using namespace armorm;

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

nlohmann::json search(const io::SafetensorsFile& file, gating::DebiasOptions options) {
  const io::TensorView rewards = file.at("rewards", DType::f32, {-1, -1});
  std::vector<std::string> names;
  for (std::int64_t k = 0; k < rewards.shape[1]; ++k) names.push_back("attribute-" + std::to_string(k));
  const auto started = std::chrono::steady_clock::now();
  const double processor = processor_seconds();
  const gating::DebiasResult result = gating::find_debiasing_transform(
      {rewards.as<float>().data(), rewards.shape[0], rewards.shape[1]}, names, options);
  nlohmann::json out{
      {"processor_s", processor_seconds() - processor},
      {"wall_s", std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count()}};
  for (const gating::AttributePenalty& a : result.attributes) {
    out["penalties"].push_back(a.penalty);
    out["after"].push_back(a.correlation_after);
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_debiasing FILE.safetensors [grid|bisection] [threads]\n");
    return 2;
  }
  try {
    armorm::gating::DebiasOptions options;
    options.on_unmet = armorm::OnUnmet::max;
    if (argc > 2) options.search = armorm::parse_word<armorm::PenaltySearch>("the search", argv[2]);
    options.threads = argc > 3 ? std::stoi(argv[3]) : 1;
    std::printf("%s\n", search(armorm::io::SafetensorsFile::open(argv[1]), options).dump().c_str());
  } catch (const armorm::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return error.exit_code();
  }
  return 0;
}
