#include "stages/explain/training_gates.h"

#include "support/error_of.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
using Catch::Contains;
using stages::explain::gate_digest;
using stages::explain::TrainingGates;

namespace {

gating::GateParameters gate_of(float weight, float scale) {
  gating::GateParameters gate;
  gate.logit_scale = scale;
  gate.layers.push_back({2, 1, {weight, 1.0F}, {0.0F, 0.5F}});
  return gate;
}

TrainingGates example() {
  return {{"a", "b"},
          gate_digest(gate_of(1.0F, 1.0F), 10.0),
          {0.75F, 0.25F, 0.5F, 0.5F, 0.5F, 0.5F, 0.125F, 0.875F},
          {3, 5, 8, 9}};
}

}  // namespace

TEST_CASE("the nearest prompts come by the weight that differs, equal ones once", "[unit]") {
  // Weights with a scale of 4: shares 0.625 and 0.375.
  const auto near = example().nearest(std::vector<double>{2.5, 1.5}, 3);
  REQUIRE(near.size() == 3);
  CHECK(near[0].row_id == 3);
  CHECK(near[0].moved == 0.125);
  CHECK(near[0].shares == std::vector<double>{0.75, 0.25});
  CHECK(near[1].row_id == 5);  // as near, and later; row 8 has the same weights
  CHECK(near[1].moved == 0.125);
  CHECK(near[2].row_id == 9);
  CHECK(near[2].moved == 0.5);
  CHECK(example().nearest(std::vector<double>{0.0, 1.0}, 1).front().row_id == 9);
}

TEST_CASE("a gate's digest changes with layers and temperature, not with its scale", "[unit]") {
  const std::string digest = gate_digest(gate_of(1.0F, 1.0F), 10.0);
  CHECK(gate_digest(gate_of(1.0F, 9.5F), 10.0) == digest);
  CHECK(gate_digest(gate_of(1.5F, 1.0F), 10.0) != digest);
  CHECK(gate_digest(gate_of(1.0F, 1.0F), 5.0) != digest);
}

TEST_CASE("gates of prompts are read as they were written, for their own gate alone", "[unit]") {
  const TempDir dir;
  const std::filesystem::path path = dir / "gates.safetensors";
  const TrainingGates gates = example();
  gates.save(path, io::posix_file_system());
  const TrainingGates read = TrainingGates::load(path, gates.gate_sha256, gates.attributes);
  CHECK(read.gate == gates.gate);
  CHECK(read.row_ids == gates.row_ids);
  CHECK_THAT(
      error_of([&] { TrainingGates::load(path, std::string(64, '0'), gates.attributes); }, ErrorKind::data),
      Contains("another gate"));
  CHECK_THAT(error_of(
                 [&] {
                   TrainingGates::load(path, gates.gate_sha256, {"a", "c"});
                 },
                 ErrorKind::data),
             Contains("attributes"));
}
