// The file of measured rates, and the choice by it.
#include "stages/artifacts/kernel_rates.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "io/read_file.h"
#include "stages/artifacts/kernel_choice.h"
#include "support/error_of.h"
#include "support/fixed_kernels.h"
#include "support/log_capture.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::artifacts;
using namespace armorm::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

using Rates = std::vector<model::KernelRate>;

const std::vector<CpuKernels> kTwo{CpuKernels::onednn, CpuKernels::libtorch};

Rates two_rates(double onednn, double libtorch) {
  return {{CpuKernels::onednn, onednn}, {CpuKernels::libtorch, libtorch}};
}

std::vector<double> values_of(const Rates& rates) {
  std::vector<double> values;
  for (const model::KernelRate& rate : rates) values.push_back(rate.flops);
  return values;
}

model::ModelConfig small_config() {
  model::ModelConfig config;
  config.hidden_size = 64;
  config.intermediate_size = 128;
  config.num_hidden_layers = 1;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 16;
  return config;
}

struct Place {
  TempDir dir;
  fs::path file = kernel_rates_path(dir.path());
  MeasuredWork work = on_this_processor(2, {{"precision", "bf16"}});

  Rates keep(const Rates& rates) { return keep_kernel_rates(file, work, rates, io::posix_file_system()); }
  Rates read() { return read_kernel_rates(file, work, kTwo); }
};

void write(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }

}  // namespace

TEST_CASE("rates are read as they were kept, by processor, threads and work", "[unit]") {
  Place p;
  CHECK(p.read().empty());
  CHECK(values_of(p.keep(two_rates(2.5e11, 1e9))) == std::vector<double>{2.5e11, 1e9});
  CHECK(values_of(p.read()) == std::vector<double>{2.5e11, 1e9});
  CHECK(read_kernel_rates(p.file, on_this_processor(1, {{"precision", "bf16"}}), kTwo).empty());
  CHECK(read_kernel_rates(p.file, on_this_processor(2, {{"precision", "fp32"}}), kTwo).empty());
  const MeasuredWork other = on_this_processor(2, {{"precision", "fp32"}});
  keep_kernel_rates(p.file, other, two_rates(3e10, 4e10), io::posix_file_system());
  CHECK(values_of(read_kernel_rates(p.file, other, kTwo)) == std::vector<double>{3e10, 4e10});
  CHECK(values_of(p.read()) == std::vector<double>{2.5e11, 1e9});
}

TEST_CASE("rates are used as the file has them, so that near ties are decided alike on the next run",
          "[unit]") {
  Place p;
  // 0.894 of the other as measured, 0.9 as kept in tenths of GFLOP/s.
  const Rates used = p.keep(two_rates(0.85e9, 0.951e9));
  CHECK(values_of(used) == values_of(p.read()));
  CHECK(model::preferred_kernels(used) == model::preferred_kernels(p.read()));
}

TEST_CASE("of two processes that measure at once, the first one's rates are those of both", "[unit]") {
  Place p;
  p.keep(two_rates(2e11, 1e11));
  CHECK(values_of(p.keep(two_rates(1e11, 2e11))) == std::vector<double>{2e11, 1e11});
}

TEST_CASE("rates that lack kernels of this processor are measured again and replaced", "[unit]") {
  Place p;
  p.keep({{CpuKernels::libtorch, 1e11}});
  CHECK(p.read().empty());
  p.keep(two_rates(2e11, 1e11));
  CHECK(p.read().size() == 2);
  CHECK(read_kernel_rates(p.file, p.work, {CpuKernels::libtorch}).size() == 1);
}

TEST_CASE("a damaged file of rates is warned of, and written again", "[unit]") {
  Place p;
  p.keep(two_rates(2e11, 1e11));
  const std::string good = io::read_text_file(p.file);
  std::string no_rate = good;
  no_rate.replace(no_rate.find("200"), 3, "-20");
  for (const std::string& text :
       {std::string(), std::string("{"), good.substr(0, good.size() / 2), std::string("[]"),
        std::string(R"({"armorm_format_version":"1","measured":[1]})"),
        std::string(R"({"armorm_format_version":"2","measured":[]})"), no_rate}) {
    CAPTURE(text);
    write(p.file, text);
    std::vector<std::string> warnings;
    {
      const LogCapture capture(warnings);
      CHECK(p.read().empty());
    }
    REQUIRE(warnings.size() == 1);
    CHECK_THAT(warnings.front(), Contains("cpu_kernels.json") && Contains("measured again"));
    p.keep(two_rates(2e11, 1e11));
    CHECK(io::read_text_file(p.file) == good);
  }
}

TEST_CASE("rates that cannot be kept are used, with a warning", "[unit]") {
  const TempDir dir;
  write(dir / "file", "");
  std::vector<std::string> warnings;
  const LogCapture capture(warnings);
  const Rates rates = keep_kernel_rates(kernel_rates_path(dir / "file"), {{"a", "b"}}, two_rates(2e11, 1e11),
                                        io::posix_file_system());
  CHECK(values_of(rates) == std::vector<double>{2e11, 1e11});
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings.front(), Contains("not kept"));
}

TEST_CASE("measured kernels are the preferred ones of the file, and it is written once", "[unit]") {
  const TempDir dir;
  const fs::path file = kernel_rates_path(dir.path());
  const ProductKind products{Precision::fp32, false};
  if (available_kernels(products).size() == 1) ARMORM_SKIP("this processor has one kind of kernels");
  const auto measure = [&](bool keep) {
    return measured_kernels({file, io::posix_file_system(), keep}, small_config(), products, 1);
  };
  CHECK_FALSE(measure(false).from_file);
  CHECK_FALSE(fs::exists(file));
  const MeasuredKernels first = measure(true);
  CHECK(first.rates.size() == model::available_kernels(Precision::fp32, false).size());
  CHECK(first.rate_of(first.kernels) > 0.0);
  const MeasuredKernels second = measure(true);
  CHECK(second.from_file);
  CHECK(second.kernels == first.kernels);
  // The file decides.
  auto content = nlohmann::json::parse(io::read_text_file(file));
  for (auto& [name, rate] : content.at("measured").at(0).at("gflops").items())
    rate = name == "libtorch" ? 1000.0 : 1.0;
  write(file, content.dump());
  CHECK(measure(true).kernels == CpuKernels::libtorch);
}

TEST_CASE("kernels that the processor lacks are a usage error that lists those it has", "[unit]") {
  const ProductKind products{Precision::fp32, false};
  CHECK(checked_kernels(CpuKernels::measured, products) == CpuKernels::measured);
  CHECK(checked_kernels(CpuKernels::libtorch, products) == CpuKernels::libtorch);
  CHECK_FALSE(usable_kernels("avx1024", products));
  CHECK_FALSE(usable_kernels("auto", products));
  CHECK(usable_kernels("libtorch", products) == CpuKernels::libtorch);
  const auto with_bf16 = model::available_kernels(Precision::bf16, false);
  const auto with_fp32 = model::available_kernels(Precision::fp32, false);
  for (const CpuKernels kernels :
       {CpuKernels::avx2, CpuKernels::onednn, CpuKernels::avx512, CpuKernels::avx512_bf16, CpuKernels::amx}) {
    CAPTURE(std::string(name_of(kernels)));
    if (std::ranges::find(with_fp32, kernels) != with_fp32.end()) {
      CHECK(checked_kernels(kernels, products) == kernels);
    } else if (std::ranges::find(with_bf16, kernels) != with_bf16.end()) {
      // Float32 products are alike.
      CHECK(checked_kernels(kernels, products) == CpuKernels::avx512);
      CHECK(usable_kernels(name_of(kernels), products) == CpuKernels::avx512);
    } else {
      CHECK_THAT(
          error_of([&] { checked_kernels(kernels, products); }, ErrorKind::usage),
          Contains("--kernels: " + std::string(name_of(kernels))) && Contains(available_text(products)));
      CHECK_FALSE(usable_kernels(name_of(kernels), products));
    }
  }
}
