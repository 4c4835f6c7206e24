#include "eval/checkpoint_selection.h"

#include <numeric>

#include "core/error.h"
#include "core/words.h"
#include "gating/train_gate.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::eval;

namespace {

// The prompt's only coordinate names the deciding attribute; on validation rows it names the wrong one. The
// longer the gate learns, the worse its validation accuracy.
struct Misleading {
  Misleading() {
    for (std::int64_t i = 0; i < n; ++i) {
      const bool first = (i % 2 == 0) == (i < n_train);
      rewards.insert(rewards.end(), {first ? 1.0F : -0.9F, first ? -0.9F : 1.0F, 0.0F, 0.0F});
      prompts.push_back(BFloat16::from_float(i % 2 == 0 ? 1.0F : -1.0F));
      own_prompt.push_back(i);
    }
    train.resize(n_train);
    validation.resize(n - n_train);
    std::iota(train.begin(), train.end(), 0);
    std::iota(validation.begin(), validation.end(), n_train);
    options.n_steps = 60;
    options.batch_size = 16;
    options.learning_rate = 2e-2;
    options.temperature = 1.0;
    options.dropout = 0.1;
    options.log_every = 9;
  }
  gating::PairData data() const {
    return {{rewards.data(), n, 2, 4},
            {rewards.data() + 2, n, 2, 4},
            {prompts.data(), n, 1},
            own_prompt,
            own_prompt};
  }
  SelectedGate run(SelectCheckpoint select, std::int64_t every, std::int64_t patience) const {
    return train_and_select(data(), train, validation, start(), options, {select, every, patience});
  }
  static SelectionProgress start() { return {.training = {.gate = initial()}}; }
  static gating::GateParameters initial() { return gating::initial_gate({1, 1, 8, 2, 1.0}, 1.0, 0); }

  static constexpr std::int64_t n = 80, n_train = 60;
  std::vector<float> rewards;
  std::vector<BFloat16> prompts;
  std::vector<std::int64_t> own_prompt, train, validation;
  gating::TrainOptions options;
};

void check_same(const gating::GateParameters& a, const gating::GateParameters& b) {
  REQUIRE(a.layers.size() == b.layers.size());
  CHECK(a.logit_scale == b.logit_scale);
  for (std::size_t i = 0; i < a.layers.size(); ++i) {
    CHECK(a.layers[i].weight == b.layers[i].weight);
    CHECK(a.layers[i].bias == b.layers[i].bias);
  }
}

}  // namespace

TEST_CASE("looking at checkpoints leaves the training as it is", "[unit]") {
  const Misleading m;
  const SelectedGate selected = m.run(SelectCheckpoint::last, 25, 0);
  check_same(selected.gate, test::train_gate(m.data(), m.train, Misleading::initial(), m.options, {}));
  REQUIRE(selected.curve.size() == 3);
  CHECK((selected.curve[0].step == 25 && selected.curve[1].step == 50 && selected.curve[2].step == 60));
  CHECK(selected.step == 60);
  CHECK_FALSE(selected.stopped_early);
}

TEST_CASE("the best checkpoint is the one with the best validation figures, not the last", "[unit]") {
  const Misleading m;
  const SelectedGate selected = m.run(SelectCheckpoint::best, 1, 0);
  REQUIRE(selected.curve.size() == 60);
  REQUIRE(selected.step < 60);
  const gating::PairScores scores =
      gating::score_pairs(selected.gate, m.data(), m.validation, gating::GateSoftmax::attributes, 1.0, -1);
  const PreferenceMetrics kept = preference_metrics(scores.chosen, scores.rejected);
  for (const CheckpointMetrics& c : selected.curve) {
    CHECK(c.validation.accuracy <= kept.accuracy);
    if (c.validation.accuracy == kept.accuracy) CHECK(c.validation.loss >= kept.loss);
    if (c.step == selected.step) CHECK(c.validation.loss == kept.loss);
  }
  CHECK(selected.curve.back().validation.loss > kept.loss + 0.1);
}

TEST_CASE("training stops after as many looks without progress as patience allows", "[unit]") {
  const Misleading m;
  const SelectedGate selected = m.run(SelectCheckpoint::best, 2, 3);
  CHECK(selected.stopped_early);
  CHECK(selected.curve.back().step == selected.step + 2 * 3);
  CHECK(selected.curve.back().step < 60);
}

TEST_CASE("a training that is cut off anywhere ends with the bits of one that is not", "[unit]") {
  const Misleading m;
  for (const SelectCheckpoint select : {SelectCheckpoint::last, SelectCheckpoint::best}) {
    const SelectionOptions selection{select, 7, 4};
    const SelectedGate whole =
        train_and_select(m.data(), m.train, m.validation, Misleading::start(), m.options, selection);
    for (const std::int64_t cut : {1, 6, 7, 20}) {
      CAPTURE(cut);
      struct Cut : std::exception {};
      SelectionProgress saved;
      const auto save = [&](const std::function<SelectionProgress()>& progress) {
        saved = progress();
        if (saved.training.step == cut) throw Cut();
      };
      CHECK_THROWS_AS(train_and_select(m.data(), m.train, m.validation, Misleading::start(), m.options,
                                       selection, {{}, save}),
                      Cut);
      REQUIRE(saved.training.step == cut);
      const SelectedGate resumed =
          train_and_select(m.data(), m.train, m.validation, saved, m.options, selection);
      check_same(resumed.gate, whole.gate);
      CHECK(resumed.step == whole.step);
      CHECK(resumed.stopped_early == whole.stopped_early);
      REQUIRE(resumed.curve.size() == whole.curve.size());
      for (std::size_t i = 0; i < whole.curve.size(); ++i)
        CHECK(resumed.curve[i].validation.loss == whole.curve[i].validation.loss);
      REQUIRE(resumed.losses.size() == whole.losses.size());
      for (std::size_t i = 0; i < whole.losses.size(); ++i)
        CHECK(resumed.losses[i].loss == whole.losses[i].loss);
    }
  }
}

TEST_CASE("options of the selection are checked", "[unit]") {
  const Misleading m;
  CHECK_THROWS_AS(m.run(SelectCheckpoint::best, 0, 0), Error);
  CHECK_THROWS_AS(m.run(SelectCheckpoint::best, 1, -1), Error);
  CHECK_THROWS_AS(train_and_select(m.data(), m.train, {}, Misleading::start(), m.options, {}), Error);
  CHECK(parse_word<SelectCheckpoint>("select", "best") == SelectCheckpoint::best);
  CHECK(parse_word<SelectCheckpoint>("select", "last") == SelectCheckpoint::last);
  CHECK_THROWS_AS(parse_word<SelectCheckpoint>("select", "first"), Error);
}
