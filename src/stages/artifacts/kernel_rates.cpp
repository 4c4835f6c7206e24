#include "stages/artifacts/kernel_rates.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/log.h"
#include "core/version.h"
#include "core/words.h"
#include "io/checked_json.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "model/libtorch_facts.h"

namespace armorm::stages::artifacts {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr const char* kFormat = "armorm_format_version";
constexpr const char* kFormatVersion = "1";
constexpr const char* kMeasured = "measured";  // the list of entries
constexpr const char* kWork = "work";          // keys of an entry
constexpr const char* kRates = "gflops";
constexpr std::size_t kMaxBytes = std::size_t{16} << 20;
constexpr int kMaxDepth = 8;

// An entry's rate, or nullopt. data error for anything but a positive number.
std::optional<double> rate_in(const json& rates, CpuKernels kernels, const fs::path& file) {
  const auto found = rates.find(std::string(name_of(kernels)));
  if (found == rates.end()) return std::nullopt;
  const double gflops = found->is_number() ? found->get<double>() : 0.0;
  if (!(gflops > 0.0) || !std::isfinite(gflops))
    fail_data("{}: {}: found {}, expected a rate above 0", file.string(), name_of(kernels), found->dump());
  return gflops * 1e9;
}

void check_form(const json& content, const fs::path& file) {
  const bool good = content.is_object() && content.contains(kMeasured) && content.at(kMeasured).is_array() &&
                    std::ranges::all_of(content.at(kMeasured), [](const json& entry) {
                      return entry.is_object() && entry.contains(kWork) && entry.contains(kRates) &&
                             entry.at(kRates).is_object();
                    });
  if (!good || content.value(kFormat, json()) != kFormatVersion)
    fail_data("{}: is not what this version writes", file.string());
}

// Empty for a file that is missing or damaged.
json content_of(const fs::path& file) {
  json nothing{{kFormat, kFormatVersion}, {kMeasured, json::array()}};
  std::error_code error;
  if (!fs::exists(file, error)) return nothing;
  try {
    json content = io::parse_checked_json(io::read_text_file(file, kMaxBytes), file.string(), kMaxDepth);
    check_form(content, file);
    return content;
  } catch (const Error& found) {
    if (found.kind() != ErrorKind::data && found.kind() != ErrorKind::io) throw;
    log::warn("{}; the CPU kernels are measured again", found.what());
    return nothing;
  }
}

const json* rates_of(const json& content, const MeasuredWork& work) {
  for (const json& entry : content.at(kMeasured))
    if (entry.at(kWork) == json(work)) return &entry.at(kRates);
  return nullptr;
}

std::vector<model::KernelRate> rates_in(const json& content, const fs::path& file, const MeasuredWork& work,
                                        const std::vector<CpuKernels>& available) {
  const json* rates = rates_of(content, work);
  if (rates == nullptr) return {};
  std::vector<model::KernelRate> found;
  try {
    for (const CpuKernels kernels : available)
      if (const auto rate = rate_in(*rates, kernels, file)) found.push_back({kernels, *rate});
  } catch (const Error& error) {
    log::warn("{}; the CPU kernels are measured again", error.what());
    return {};
  }
  return found.size() == available.size() ? found : std::vector<model::KernelRate>{};
}

std::vector<CpuKernels> kernels_of(const std::vector<model::KernelRate>& rates) {
  std::vector<CpuKernels> kernels;
  for (const model::KernelRate& rate : rates) kernels.push_back(rate.kernels);
  return kernels;
}

// Replaces an entry of the same work, which had other kernels.
void put(const MeasuredWork& work, const std::vector<model::KernelRate>& rates, json& content) {
  json by_name = json::object();
  for (const model::KernelRate& rate : rates)
    by_name[std::string(name_of(rate.kernels))] = std::max(std::round(rate.flops / 1e8), 1.0) / 10.0;
  json& measured = content.at(kMeasured);
  std::erase_if(measured.get_ref<json::array_t&>(),
                [&](const json& entry) { return entry.at(kWork) == json(work); });
  measured.push_back({{kWork, work}, {kRates, by_name}});
}

}  // namespace

fs::path kernel_rates_path(const fs::path& data_root) { return data_root / "cpu_kernels.json"; }

MeasuredWork on_this_processor(int threads, MeasuredWork work) {
  work["processor"] = model::processor_name();
  work["threads"] = std::to_string(threads);
  work["armorm"] = kVersion;
  work["LibTorch"] = model::libtorch_version();
  return work;
}

MeasuredWork layers_of(const model::ModelConfig& config, Precision precision, bool batch_invariant,
                       int threads) {
  return on_this_processor(threads, {{"precision", std::string(name_of(precision))},
                                     {"batch_invariant", batch_invariant ? "true" : "false"},
                                     {"hidden_size", std::to_string(config.hidden_size)},
                                     {"intermediate_size", std::to_string(config.intermediate_size)},
                                     {"num_attention_heads", std::to_string(config.num_attention_heads)},
                                     {"num_key_value_heads", std::to_string(config.num_key_value_heads)},
                                     {"head_dim", std::to_string(config.head_dim)}});
}

std::vector<model::KernelRate> read_kernel_rates(const fs::path& file, const MeasuredWork& work,
                                                 const std::vector<CpuKernels>& available) {
  return rates_in(content_of(file), file, work, available);
}

std::vector<model::KernelRate> keep_kernel_rates(const fs::path& file, const MeasuredWork& work,
                                                 const std::vector<model::KernelRate>& rates,
                                                 io::FileSystem& files) {
  json content = content_of(file);
  std::vector<model::KernelRate> others = rates_in(content, file, work, kernels_of(rates));
  if (!others.empty()) return others;
  put(work, rates, content);
  try {
    io::publish_text(file, content.dump(2) + "\n", files);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;
    log::warn("{}; the rates of the CPU kernels are not kept, and the next run measures them again",
              error.what());
  }
  // As the next run will read them: near ties are then decided alike.
  return rates_in(content, file, work, kernels_of(rates));
}

}  // namespace armorm::stages::artifacts
