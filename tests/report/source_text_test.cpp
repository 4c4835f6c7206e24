// The tables by source on the terminal, laid out manually.
#include "report/source_text.h"

#include <sstream>

#include "support/test_support.h"

using namespace armorm;
using namespace armorm::report;
using Catch::Contains;

namespace {

constexpr double kNone = stats::kNotMeasured;

LengthCase group(std::int64_t n, std::int64_t correct, const stats::Interval& interval) {
  return {n, correct, n > 0 ? static_cast<double>(correct) / static_cast<double>(n) : kNone, interval};
}

SourceScorer scorer(const std::string& name, std::int64_t correct, const stats::Interval& interval,
                    double loss) {
  return {"the " + name, name, correct, interval, loss, {}};
}

// The first `n` of "source 0", "source 1", ... with 10 pairs each, of which the gate ranks `correct` rightly.
SetBySource many(std::size_t n, std::int64_t correct) {
  SetBySource set{"validation", {}};
  for (std::size_t i = 0; i < n; ++i) {
    SourceScorer gate = scorer("gate", correct, {0.5, 0.75}, 0.5);
    gate.length_bias = {"validation", "gate", group(4, 3, {}), group(6, 3, {}), group(0, 0, {}), 0.25, 0.5};
    set.sources.push_back({"source " + std::to_string(i), 10, {gate}});
  }
  return set;
}

std::size_t longest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

}  // namespace

TEST_CASE("scorers with a short name are compared by source", "[unit]") {
  const SetBySource set{"validation",
                        {{"hh-rlhf",
                          1200,
                          {scorer("gate", 900, {0.725, 0.774}, 0.5), scorer("", 600, {}, 0.75),
                           scorer("uniform gate", 720, {}, 0.75), scorer("not debiased", 888, {}, 0.75)}},
                         {"shp",
                          4,
                          {scorer("gate", 3, {0.301, 0.954}, 0.25), scorer("", 0, {}, 0.75),
                           scorer("uniform gate", 1, {}, 0.75), scorer("not debiased", 4, {}, 0.75)}},
                         {"none",
                          0,
                          {scorer("gate", 0, {0, 1}, kNone), scorer("", 0, {}, kNone),
                           scorer("uniform gate", 0, {}, kNone), scorer("not debiased", 0, {}, kNone)}}}};
  CHECK(comparison_by_source_text(set) ==
        "validation by source\n"
        "source   pairs  accuracy  95 % interval    loss  uniform gate  not debiased\n"
        "---------------------------------------------------------------------------\n"
        "hh-rlhf   1200   75.00 %    72.5 - 77.4  0.5000       60.00 %       74.00 %\n"
        "shp          4   75.00 %    30.1 - 95.4  0.2500       25.00 %      100.00 %\n"
        "none         0         -              -       -             -             -\n");
  CHECK(length_bias_by_source_text(set).empty());
  CHECK(comparison_by_source_text({"validation", {}}).empty());
}

TEST_CASE("the gate's length bias is shown by source", "[unit]") {
  SetBySource set = many(2, 6);
  set.sources[0].scorers[0].length_bias = {"validation",
                                           "gate",
                                           group(4, 3, {0.301, 0.954}),
                                           group(2, 1, {0.095, 0.905}),
                                           group(4, 2, {0.15, 0.85}),
                                           0.25,
                                           -0.0584};
  set.sources[1].scorers[0].length_bias = {
      "validation", "gate", group(10, 6, {0.313, 0.832}), group(0, 0, {0, 1}), group(0, 0, {0, 1}),
      kNone,        kNone};
  CHECK(length_bias_by_source_text(set) ==
        "length bias of the gate, validation by source\n"
        "source           chosen longer       chosen shorter    gap  margin ~ length\n"
        "---------------------------------------------------------------------------\n"
        "source 0  75.0 % (30.1 - 95.4)  50.0 % (9.5 - 90.5)  +25.0           -0.058\n"
        "source 1  60.0 % (31.3 - 83.2)                    -      -                -\n");
}

TEST_CASE("the heaviest attributes of each source are named, as many as a line holds", "[unit]") {
  const std::string wide = "an-attribute-with-a-name-of-forty-letters";
  const WeightsByKind set{"validation",
                          "source",
                          {{"hh-rlhf", 12, {0.125, 0.5, 0.25, 0.125}},
                           {"shp", 3, {0.5, 0, 0, 0.5}},
                           {"none", 0, {kNone, kNone, kNone, kNone}}}};
  CHECK(weights_by_source_text(set, {"a", "b", "c", "d"}) ==
        "gate's weight, validation by source\n"
        "source   prompts  largest mean weights\n"
        "--------------------------------------\n"
        "hh-rlhf       12  b 50.0 %, c 25.0 %, a 12.5 %\n"
        "shp            3  a 50.0 %, d 50.0 %, b 0.0 %\n"
        "none           0  -\n");
  const std::string narrow = weights_by_source_text(set, {"a", wide, wide, wide});
  CHECK_THAT(narrow,
             Contains("  12  " + wide + " 50.0 %\n") && Contains("   3  a 50.0 %, " + wide + " 50.0 %\n"));
  CHECK(longest_line(narrow) <= 100);
}

TEST_CASE("the largest twenty sources are printed, and the rest is one line", "[unit]") {
  SetBySource set = many(23, 6);
  for (std::size_t i = 20; i < 23; ++i) set.sources[i].scorers[0].correct = 3;
  set.sources[22].pairs = 0;
  set.sources[22].scorers[0] = scorer("gate", 0, {0, 1}, kNone);
  set.sources[22].scorers[0].length_bias = {"validation", "gate", {}, {}, {}, kNone, kNone};
  set.sources[21].scorers[0].loss = 0.75;
  // 6 of 20 pairs; Wilson: (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n) = 14.5 % to 51.9 %.
  const std::string text = comparison_by_source_text(set);
  CHECK_THAT(text, Contains("\nsource 19 ") && !Contains("source 20"));
  CHECK_THAT(text, Catch::EndsWith("\nother (3 sources)     20   30.00 %    14.5 - 51.9  0.6250\n"));
  // Each of the two has 3 of 4 and 3 of 6: together 6 of 8 (40.9 - 92.9) and 6 of 12 (25.4 - 74.6).
  CHECK_THAT(
      length_bias_by_source_text(set),
      Catch::EndsWith(
          "\nother (3 sources)  75.0 % (40.9 - 92.9)  50.0 % (25.4 - 74.6)  +25.0                -\n"));
  CHECK_THAT(comparison_by_source_text(many(21, 6)), Contains("\nother (1 source) "));
  CHECK_THAT(comparison_by_source_text(many(20, 6)), !Contains("other"));

  WeightsByKind weights{"validation", "source", {}};
  for (int i = 0; i < 20; ++i) weights.kinds.push_back({"source", 100, {0.5, 0.5}});
  weights.kinds.push_back({"x", 3, {1, 0}});
  weights.kinds.push_back({"y", 1, {0.5, 0.5}});
  weights.kinds.push_back({"z", 0, {kNone, kNone}});
  // (3 * 1 + 1 * 0.5) / 4
  CHECK_THAT(weights_by_source_text(weights, {"a", "b"}),
             Catch::EndsWith("\nother (3 sources)        4  a 87.5 %, b 12.5 %\n"));
}

TEST_CASE("a source without pairs has no interval", "[unit]") {
  SetBySource set = many(2, 6);
  set.sources[1].pairs = 0;
  set.sources[1].scorers[0] = scorer("gate", 0, {0, 1}, kNone);
  CHECK_THAT(comparison_by_source_text(set), Contains("source 1") && !Contains("100.0"));
}

TEST_CASE("tables by source fit a line, and names cannot control the terminal", "[unit]") {
  SetBySource set = many(4, 6);
  set.sources[3].name = "";
  set.sources[0].name = std::string(200, 'x');
  set.sources[1].name = "\x1b[2Jcleared";
  set.sources[2].pairs = 5'200'000;
  for (SourceFigures& source : set.sources) {
    SourceScorer& gate = source.scorers[0];
    gate.correct = source.pairs;
    gate.length_bias = {
        "validation", "gate", group(9000, 9000, {0.9996, 1}), group(9000, 9000, {0.9996, 1}), {}, -1, -0.5};
    source.scorers.push_back(scorer("uniform gate", source.pairs, {}, 1));
    source.scorers.push_back(scorer("not debiased", source.pairs, {}, 1));
  }
  for (const std::string& text : {comparison_by_source_text(set), length_bias_by_source_text(set)}) {
    CHECK(longest_line(text) <= 100);
    CHECK_THAT(text, Contains("\n" + std::string(22, 'x') + "...  ") && Contains("\n\\x1b[2Jcleared ") &&
                         Contains("\n(no source) "));
  }
}
