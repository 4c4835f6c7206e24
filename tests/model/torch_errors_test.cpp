// LibTorch's exceptions as users see them.
#include "model/torch_errors.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include "model/model_test_support.h"
#include "model/precision_deviation.h"
#include "model/small_memory.h"
#include "support/error_of.h"

namespace armorm::model {
namespace {

using namespace test;

std::string translated(const std::function<void()>& body) {
  return error_of([&] { translate_torch_errors(body); }, ErrorKind::internal);
}

TEST_CASE("an error of LibTorch is told without its stack trace", "[unit]") {
  const std::string text = translated([] { at::ones({2, 3}) + at::ones({4, 5}); });
  CHECK_THAT(text, Catch::StartsWith("internal error: LibTorch: The size of tensor a (3)"));
  CHECK_THAT(text, !Catch::Contains("frame #") && !Catch::Contains("Exception raised from"));
}

TEST_CASE("a lack of memory is told with what to do about it", "[unit]") {
  // LibTorch's own error for host memory, and one like that of a device.
  const std::string host = translated([] { at::empty({std::int64_t{1} << 60}, at::kByte); });
  CHECK_THAT(host, Catch::StartsWith("out of memory; use ") && Catch::Contains("1152921504606846976") &&
                       !Catch::Contains("frame #"));
  const std::string device =
      translated([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory"); });
  CHECK_THAT(device, Catch::StartsWith("out of memory; use ") && Catch::Contains("CUDA out of memory"));
}

TEST_CASE("other errors pass as they are", "[unit]") {
  CHECK_NOTHROW(translate_torch_errors([] {}));
  CHECK(error_of([] { translate_torch_errors([] { fail_data("rows"); }); }, ErrorKind::data) == "rows");
  CHECK_THROWS_AS(translate_torch_errors([] { throw std::bad_alloc(); }), std::bad_alloc);
}

TEST_CASE("weights that do not fit the memory are a usage error that names model and device", "[unit]") {
  for (const SmallMemory::Kind kind : {SmallMemory::Kind::device, SmallMemory::Kind::host}) {
    const SmallMemory memory(100, kind);
    for (const Precision precision : {Precision::fp32, Precision::fp8}) {
      const std::string text = error_of([&] { load_on(kCpu, "llama_gqa", precision); }, ErrorKind::usage);
      CHECK_THAT(text, Catch::Contains("llama_gqa: the weights, about ") &&
                           Catch::Contains("memory of cpu") &&
                           Catch::Contains("use a device with more memory"));
      CHECK((text.find("`precision` bf16") != std::string::npos) == (precision == Precision::fp32));
    }
  }
}

TEST_CASE("the model that fp8 is compared with says so when it does not fit", "[unit]") {
  const BackboneOptions options{
      .model_folder = golden_model("llama_gqa"), .precision = Precision::fp8, .device = kCpu};
  const Backbone fp8 = Backbone::load(options);
  const SmallMemory memory(100);
  const std::string text = error_of([&] { deviation_from_bf16(fp8, options, {}); }, ErrorKind::usage);
  CHECK_THAT(text, Catch::StartsWith("the model is loaded once more, in bf16, to compare with: ") &&
                       Catch::Contains("in bf16, do not fit the memory of cpu"));
}

}  // namespace
}  // namespace armorm::model
