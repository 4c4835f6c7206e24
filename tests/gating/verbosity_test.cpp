#include "gating/verbosity.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/words.h"
#include "io/safetensors.h"
#include "io/scratch_memory.h"
#include "support/counting_memory.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::gating;
using namespace armorm::test;

namespace {

struct Reference {
  io::SafetensorsFile file = io::SafetensorsFile::open(golden("gating/penalties.safetensors"));
  MatrixView<const float> rewards() const {
    const io::TensorView t = file.at("rewards");
    return {t.as<float>().data(), t.shape[0], t.shape[1]};
  }
  std::vector<std::string> names = {"a", "b", "c", "d", "v", "e"};
};

}  // namespace

TEST_CASE("penalties, correlations and the transform are SciPy's", "[golden]") {
  const Reference reference;
  const auto expected = nlohmann::json::parse(reference.file.metadata().at("expected"));
  const DebiasResult result = find_debiasing_transform(reference.rewards(), reference.names, {});
  REQUIRE(result.attributes.size() == 6);
  for (std::size_t k = 0; k < 6; ++k) {
    INFO("attribute " << k);
    CHECK(result.attributes[k].penalty == expected["penalty"][k].get<double>());
    const auto same = [](double ours, const nlohmann::json& theirs) {
      return theirs.is_null() ? std::isnan(ours) : std::abs(ours - theirs.get<double>()) <= 1e-12;
    };
    CHECK(same(result.attributes[k].correlation_before, expected["before"][k]));
    CHECK(same(result.attributes[k].correlation_after, expected["after"][k]));
  }
  const auto transform = reference.file.at("transform").as<float>();
  CHECK(result.transform == std::vector<float>(transform.begin(), transform.end()));
}

TEST_CASE("an attribute that never meets the threshold is an error or a choice, never silent", "[unit]") {
  const Reference reference;
  DebiasOptions options;
  options.penalty_grid = {0.0, 0.1};
  CHECK_THROWS_WITH(find_debiasing_transform(reference.rewards(), reference.names, options),
                    Catch::Contains("`on_unmet`") && Catch::Contains("d ("));
  options.on_unmet = OnUnmet::keep;
  CHECK(find_debiasing_transform(reference.rewards(), reference.names, options).attributes[3].penalty == 0.0);
  options.on_unmet = OnUnmet::max;
  const DebiasResult most = find_debiasing_transform(reference.rewards(), reference.names, options);
  CHECK(most.attributes[3].penalty == 0.1);
  CHECK_FALSE(most.attributes[3].met);
}

TEST_CASE("as in the Python scripts, an unmet attribute can keep penalty 1", "[unit]") {
  const Reference reference;
  DebiasOptions options;
  options.penalty_grid = {0.0, 0.1};
  options.unmet_penalty = 1.0;
  const DebiasResult result = find_debiasing_transform(reference.rewards(), reference.names, options);
  CHECK(result.attributes[3].penalty == 1.0);
  CHECK_FALSE(result.attributes[3].met);
  CHECK(result.transform[4 * 6 + 3] == -1.0F);
}

TEST_CASE("constant rewards get the penalties of the Python scripts where those continue", "[unit]") {
  // SciPy's spearmanr is NaN there, which meets no threshold.
  DebiasOptions options;
  options.verbosity_dim = 0;
  options.unmet_penalty = 1.0;
  const std::vector<float> constant_verbosity{1, 2, 1, 3, 1, 4};
  CHECK(find_debiasing_transform({constant_verbosity.data(), 3, 2}, {"v", "x"}, options)
            .attributes[1]
            .penalty == 1.0);
  const std::vector<float> constant_other{1, 2, 2, 2, 3, 2};
  CHECK(find_debiasing_transform({constant_other.data(), 3, 2}, {"v", "x"}, options).attributes[1].penalty ==
        0.01);
}

TEST_CASE("debiasing that leaves no reward is refused", "[unit]") {
  const std::vector<float> rewards{1, 2, 2, 2, 3, 2};  // verbosity, and an attribute without weights
  CHECK_THROWS_WITH(find_debiasing_transform({rewards.data(), 3, 2}, {"v", "x"}, {.verbosity_dim = 0}),
                    Catch::Contains("removes the reward of 'v'") && Catch::Contains("every score"));
  CHECK_THROWS_WITH(find_debiasing_transform({rewards.data(), 3, 1, 2}, {"v"}, {.verbosity_dim = 0}),
                    Catch::Contains("removes the reward of 'v'"));
  const std::vector<float> twice{1, 1, 2, 2, 3, 3};
  DebiasOptions all;
  all.verbosity_dim = 0;
  all.penalty_grid = {0.0, 1.0};
  all.on_unmet = OnUnmet::max;
  CHECK_THROWS_WITH(find_debiasing_transform({twice.data(), 3, 2}, {"v", "copy"}, all),
                    Catch::Contains("removes the reward of 'v'"));
}

TEST_CASE("constant verbosity and a wrong index are told", "[unit]") {
  const std::vector<float> rewards{1, 2, 1, 3, 1, 4};
  CHECK_THROWS_WITH(find_debiasing_transform({rewards.data(), 3, 2}, {"v", "x"}, {.verbosity_dim = 0}),
                    Catch::Contains("same for all"));
  CHECK_THROWS_WITH(find_debiasing_transform({rewards.data(), 3, 2}, {"v", "x"}, {.verbosity_dim = 2}),
                    Catch::Contains("`verbosity_dim`"));
}

TEST_CASE("rewards that are not finite and penalties out of order are refused", "[unit]") {
  std::vector<float> values{1, 2, 2, 1, 3, 5, 4, 4};
  const std::vector<std::string> names{"quality", "verbosity"};
  DebiasOptions options;
  options.verbosity_dim = 1;
  options.on_unmet = OnUnmet::keep;
  CHECK(find_debiasing_transform({values.data(), 4, 2, 2}, names, options).attributes.size() == 2);
  options.penalty_grid = {0.0, 0.5, 0.25};
  CHECK_THROWS_AS(find_debiasing_transform({values.data(), 4, 2, 2}, names, options), Error);
  options.penalty_grid = published_penalty_grid();
  values[3] = std::nanf("");
  CHECK_THROWS_AS(find_debiasing_transform({values.data(), 4, 2, 2}, names, options), Error);
}

TEST_CASE("bisection finds SciPy's roots, against verbosity and against length", "[golden]") {
  const io::SafetensorsFile file = io::SafetensorsFile::open(golden("gating/penalty_roots.safetensors"));
  const auto expected = nlohmann::json::parse(file.metadata().at("expected"));
  const io::TensorView rewards = file.at("rewards");
  const auto lengths = file.at("lengths").as<std::int64_t>();
  const std::vector<std::string> names{"a", "b", "c", "v", "d", "e"};
  DebiasOptions options;
  options.verbosity_dim = 3;
  for (const char* target : {"attribute", "length"}) {
    options.target = parse_word<VerbosityTarget>("verbosity_target", target);
    options.search = PenaltySearch::grid;
    const MatrixView<const float> view{rewards.as<float>().data(), rewards.shape[0], rewards.shape[1]};
    const DebiasResult at_grid = find_debiasing_transform(view, names, options, lengths);
    options.search = PenaltySearch::bisection;
    const DebiasResult between = find_debiasing_transform(view, names, options, lengths);
    for (std::size_t k = 0; k < names.size(); ++k) {
      CAPTURE(target, names[k]);
      const auto& theirs = expected[target][k];
      CHECK(std::abs(between.attributes[k].correlation_before - theirs["before"].get<double>()) <= 1e-12);
      if (k == 3) {
        CHECK(between.attributes[k].penalty == 1.0);
        CHECK(std::isnan(between.attributes[k].correlation_after));
        CHECK(between.transform[3 * names.size() + 3] == 0.0F);
        continue;
      }
      CHECK(at_grid.attributes[k].penalty == theirs["grid"].get<double>());
      CHECK(std::abs(between.attributes[k].penalty - theirs["bisect"].get<double>()) <=
            2 * kPenaltyTolerance);
      CHECK(std::abs(between.attributes[k].penalty - theirs["brentq"].get<double>()) <= 1e-4);
      CHECK(between.attributes[k].correlation_after <= options.corr_threshold);
      CHECK(between.attributes[k].penalty <= at_grid.attributes[k].penalty);
      CHECK(between.transform[3 * names.size() + k] == -static_cast<float>(between.attributes[k].penalty));
    }
  }
}

TEST_CASE("penalties do not depend on the number of threads", "[unit]") {
  const Reference reference;
  DebiasOptions options;
  options.search = PenaltySearch::bisection;
  options.threads = 1;
  const auto alone = find_debiasing_transform(reference.rewards(), reference.names, options).transform;
  options.threads = 4;
  CHECK(find_debiasing_transform(reference.rewards(), reference.names, options).transform == alone);
}

TEST_CASE("a search in scratch files gives the bits of one in memory, and both take the bytes that are said",
          "[unit]") {
  const Reference reference;
  const auto rows = static_cast<std::size_t>(reference.rewards().rows);
  std::vector<std::int64_t> lengths(rows);
  for (std::size_t i = 0; i < rows; ++i)
    lengths[i] =
        100 + static_cast<std::int64_t>(20 * reference.rewards().at(static_cast<std::int64_t>(i), 4));
  const test::TempDir place;
  io::ScratchMemory scratch(place.path());
  DebiasOptions options;
  options.threads = 2;
  options.on_unmet = OnUnmet::max;
  for (const VerbosityTarget target : {VerbosityTarget::attribute, VerbosityTarget::length}) {
    options.target = target;
    options.search_bytes = std::size_t{1} << 30;
    test::CountingMemory kept, all;
    options.memory = &kept;
    const DebiasResult here =
        find_debiasing_transform(reference.rewards(), reference.names, options, lengths);
    CHECK(kept.most() <= rows * (target == VerbosityTarget::length ? 12 : 8));
    options.search_bytes = 20 * rows - 1;  // not enough for one thread
    options.memory = &all;
    const DebiasResult one = find_debiasing_transform(reference.rewards(), reference.names, options, lengths);
    CHECK(all.most() <= rows * (12 + 20));
    options.memory = &scratch;
    const DebiasResult there =
        find_debiasing_transform(reference.rewards(), reference.names, options, lengths);
    CHECK(there.transform == here.transform);
    CHECK(one.transform == here.transform);
    for (std::size_t k = 0; k < here.attributes.size(); ++k) {
      CHECK(there.attributes[k].penalty == here.attributes[k].penalty);
      const double found = there.attributes[k].correlation_before;
      const double expected = here.attributes[k].correlation_before;
      CHECK((found == expected || (std::isnan(found) && std::isnan(expected))));
    }
  }
  CHECK(std::filesystem::is_empty(place.path()));
}

TEST_CASE("against lengths that verbosity does not follow an attribute is unmet", "[unit]") {
  const std::vector<float> rewards{1, 4, 2, 3, 3, 2, 4, 1};  // quality rises with length, verbosity falls
  const std::vector<std::int64_t> lengths{10, 20, 30, 40};
  DebiasOptions options;
  options.verbosity_dim = 1;
  options.target = VerbosityTarget::length;
  const MatrixView<const float> view{rewards.data(), 4, 2};
  CHECK_THROWS_WITH(find_debiasing_transform(view, {"quality", "verbosity"}, options, lengths),
                    Catch::Contains("response length") && Catch::Contains("quality (1.000)"));
  options.on_unmet = OnUnmet::keep;
  const DebiasResult kept = find_debiasing_transform(view, {"quality", "verbosity"}, options, lengths);
  CHECK(kept.attributes[0].penalty == 0.0);
  CHECK(kept.attributes[1].correlation_before == Approx(-1.0));
  CHECK_THROWS_WITH(
      find_debiasing_transform(view, {"quality", "verbosity"}, options, std::vector<std::int64_t>(4, 7)),
      Catch::Contains("have 7 tokens"));
  CHECK_THROWS_AS(
      find_debiasing_transform(view, {"quality", "verbosity"}, options, std::vector<std::int64_t>{1}), Error);
}

TEST_CASE("words that name no search or target are refused", "[unit]") {
  CHECK_THROWS_WITH(parse_word<PenaltySearch>("--penalty_search", "newton"),
                    Catch::Contains("--penalty_search") && Catch::Contains("bisection"));
  CHECK_THROWS_WITH(parse_word<VerbosityTarget>("--verbosity_target", "words"),
                    Catch::Contains("--verbosity_target") && Catch::Contains("length"));
}
