#include "stages/artifacts/kernel_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "core/words.h"
#include "model/compute_threads.h"

namespace armorm::stages::artifacts {
namespace {

bool contains(const std::vector<CpuKernels>& list, CpuKernels kernels) {
  return std::ranges::find(list, kernels) != list.end();
}

// Whether these products of `kernels`, which this processor has, are those of avx512.
bool means_avx512(CpuKernels kernels, const ProductKind& products) {
  const bool further = kernels == CpuKernels::avx512_bf16 || kernels == CpuKernels::amx;
  return further && contains(model::available_kernels(Precision::bf16, false), kernels) &&
         contains(available_kernels(products), CpuKernels::avx512);
}

std::optional<CpuKernels> find_kernels(CpuKernels kernels, const ProductKind& products) {
  if (contains(available_kernels(products), kernels)) return kernels;
  return means_avx512(kernels, products) ? std::optional(CpuKernels::avx512) : std::nullopt;
}

}  // namespace

std::vector<CpuKernels> available_kernels(const ProductKind& products) {
  std::vector<CpuKernels> kernels = model::available_kernels(products.precision, products.batch_invariant);
  if (kernels.empty() && products.precision != Precision::int8) kernels.push_back(CpuKernels::libtorch);
  return kernels;
}

std::string available_text(const ProductKind& products) {
  std::vector<std::string_view> names;
  for (const CpuKernels kernels : available_kernels(products)) names.push_back(name_of(kernels));
  return fmt::format("for {}{} this processor has {}", name_of(products.precision),
                     products.batch_invariant ? " with --batch_invariant" : "", fmt::join(names, ", "));
}

CpuKernels checked_kernels(CpuKernels given, const ProductKind& products) {
  if (given == CpuKernels::measured) return given;
  if (const auto kernels = find_kernels(given, products)) return *kernels;
  fail_usage("--kernels: {} cannot be used: {}; give one of them, or auto", name_of(given),
             available_text(products));
}

std::optional<CpuKernels> usable_kernels(std::string_view recorded, const ProductKind& products) {
  constexpr auto kWords = words_of(CpuKernels{});
  const auto index = static_cast<std::size_t>(std::ranges::find(kWords, recorded) - kWords.begin());
  return index < kWords.size() ? find_kernels(static_cast<CpuKernels>(index), products) : std::nullopt;
}

double MeasuredKernels::rate_of(CpuKernels wanted) const {
  const auto found = std::ranges::find(rates, wanted, &model::KernelRate::kernels);
  return found == rates.end() ? 0.0 : found->flops;
}

MeasuredKernels measured_kernels(const RatesStore& store, const MeasuredWork& work,
                                 const std::vector<CpuKernels>& available,
                                 const std::function<std::vector<model::KernelRate>()>& measure) {
  if (available.size() == 1) return {available.front(), {}, false};
  MeasuredKernels measured;
  measured.rates = read_kernel_rates(store.file, work, available);
  measured.from_file = !measured.rates.empty();
  if (!measured.from_file) {
    measured.rates = measure();
    if (store.keep) measured.rates = keep_kernel_rates(store.file, work, measured.rates, store.files);
  }
  measured.kernels = model::preferred_kernels(measured.rates);
  return measured;
}

MeasuredKernels measured_kernels(const RatesStore& store, const model::ModelConfig& config,
                                 const ProductKind& products, int threads) {
  return measured_kernels(store, layers_of(config, products.precision, products.batch_invariant, threads),
                          available_kernels(products), [&] {
                            model::set_compute_threads(threads);
                            return model::measure_kernels(config, products.precision,
                                                          products.batch_invariant);
                          });
}

void report_measured(const MeasuredKernels& measured, const std::string& source) {
  if (measured.rates.empty()) {
    log::info("CPU kernels: {}, the only choice with these options on this processor",
              name_of(measured.kernels));
    return;
  }
  std::string others;
  for (const model::KernelRate& rate : measured.rates)
    if (rate.kernels != measured.kernels)
      others +=
          fmt::format("{}{} {:.3g}", others.empty() ? "; " : ", ", name_of(rate.kernels), rate.flops / 1e9);
  log::info("CPU kernels: {}, {:.3g} GFLOP/s{} ({})", name_of(measured.kernels),
            measured.rate_of(measured.kernels) / 1e9, others, source);
}

}  // namespace armorm::stages::artifacts
