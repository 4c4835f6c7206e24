#include "stages/gate/gate_memory.h"

#include "io/scratch_memory.h"
#include "support/log_capture.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::gate;

namespace {

GateInputs inputs_of(const std::vector<SetSize>& sizes) {
  GateInputs inputs;
  inputs.weights.hidden_size = 1;
  inputs.weights.weight.resize(19);
  inputs.sizes = sizes;
  return inputs;
}

bool in_memory(const Stage2TrainOptions& options, const std::vector<SetSize>& sizes) {
  return GateMemory(options, inputs_of(sizes), io::posix_file_system()).arrays() ==
         std::pmr::get_default_resource();
}

}  // namespace

// 19 rewards of two sides, before and after debiasing, in float32: 304 bytes; 5 integers: 40. Evaluated: a
// fifth of the pairs, with 19 weights of two sides. A search: 4 bytes of verbosity, twice 4 of ranks and 20
// of buffers a side.
TEST_CASE("the bytes of all arrays follow from the pairs", "[unit]") {
  Stage2TrainOptions options;
  CHECK(array_bytes(options, inputs_of({{"preference", 1000}})) == 1000 * 344 + 1000 * 64);
  options.verbosity_dim = -1;
  CHECK(array_bytes(options, inputs_of({{"preference", 1000}})) == 1000 * 192 + 200 * 152);
  CHECK(array_bytes(options, inputs_of({{"preference", 1000}, {"evaluation", 500}})) ==
        1500 * 192 + 500 * 152);
  options.verbosity_dim = 4;
  CHECK(array_bytes(options, inputs_of({{"preference", 1000}, {"reference", 10}, {"evaluation", 5}})) ==
        1015 * 344 + 200 * 152);
}

TEST_CASE("arrays of large sets are in files, those of small ones in memory", "[unit]") {
  const test::TempDir dir;
  Stage2TrainOptions options;
  options.output_dir = (dir.path() / "new/gates").string();
  const std::vector<SetSize> small{{"preference", 900000}};
  const std::vector<SetSize> large{{"preference", 1000000}};
  CHECK(in_memory(options, small));
  CHECK_FALSE(std::filesystem::exists(options.output_dir));
  CHECK_FALSE(in_memory(options, large));
  CHECK(std::filesystem::is_empty(options.output_dir));
  options.scratch = ScratchFiles::on;
  CHECK_FALSE(in_memory(options, small));
  options.scratch = ScratchFiles::off;
  CHECK(in_memory(options, large));
}

TEST_CASE("a folder without the space is an error at once, one that is not needed is named", "[unit]") {
  const test::TempDir dir;
  Stage2TrainOptions options;
  options.scratch_dir = dir.path().string();
  CHECK_THROWS_WITH(in_memory(options, {{"preference", std::int64_t{1} << 48}}),
                    Catch::Contains(dir.path().string()) && Catch::Contains("are free"));
  CHECK_FALSE(in_memory(options, {{"preference", std::int64_t{1} << 22}}));
  options.scratch_dir = (dir.path() / "missing").string();
  CHECK_THROWS_WITH(in_memory(options, {{"preference", std::int64_t{1} << 22}}), Catch::Contains("missing"));
  std::vector<std::string> lines;
  const test::LogCapture capture(lines);
  CHECK(in_memory(options, {{"preference", 10}}));
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines.front(), Catch::Contains("--scratch_dir is not used"));
}
