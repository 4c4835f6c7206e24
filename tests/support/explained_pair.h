// An invented pair with texts and reasons, whose numbers fit together.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "report/gate_figures.h"

namespace armorm::test {

// Text that would break a page which does not escape it, with characters that HTML cannot hold, marks that
// turn the direction of text, and addresses.
inline std::string hostile_text() {
  return std::string(
             "</div></details><script>alert('x')</script> <img src=https://example.com/x.png "
             "onerror=\"f()\"> "
             "&amp; &lt;b&gt; ]]> <!-- -->\r\nNUL ") +
         std::string(1, '\0') +
         " ESC \x1b[31m \xe2\x80\xaeright to left\xe2\x80\x8f \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d "
         "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb\xf0\x9f\x8f\xbd\n\ttab https://example.com/?a=1&b=2";
}

// Text without a blank after a heading, 100 kB by default.
inline std::string long_text(std::size_t bytes = 100'000) {
  return "A long text\n" + std::string(bytes, 'x') + "\nthe end";
}

// `k` attributes named attribute-0 and on; gate_i = 1 / k, debiased as given by a sine.
inline report::ExamplePair explained_pair(std::size_t k) {
  report::ExamplePair pair;
  pair.row_id = 7;
  for (std::size_t i = 0; i < k; ++i) {
    const auto x = static_cast<double>(i);
    for (const bool chosen : {true, false}) {
      const double reward = 0.5 + 0.4 * std::sin(3.0 * x + (chosen ? 1.0 : 0.0));
      const double debiased = reward - 0.2;
      const double gate = 1.0 / static_cast<double>(k);
      (chosen ? pair.gate.chosen : pair.gate.rejected).push_back(gate);
      (chosen ? pair.reward.chosen : pair.reward.rejected).push_back(reward);
      (chosen ? pair.debiased.chosen : pair.debiased.rejected).push_back(debiased);
      (chosen ? pair.contribution.chosen : pair.contribution.rejected).push_back(gate * debiased);
    }
  }
  pair.score = {0.0, 0.0};
  for (const double c : pair.contribution.chosen) pair.score.chosen += c;
  for (const double c : pair.contribution.rejected) pair.score.rejected += c;
  pair.margin = pair.score.chosen - pair.score.rejected;
  pair.texts =
      report::PairTexts{{{"user", "What is 2 + 2?"}}, {}, {{{"assistant", "4"}}, {{"assistant", "5"}}}};
  return pair;
}

inline std::vector<std::string> attribute_names(std::size_t k) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < k; ++i) names.push_back("attribute-" + std::to_string(i));
  return names;
}

}  // namespace armorm::test
