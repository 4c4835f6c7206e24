#include "support/gate_report_example.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

namespace armorm::test {
namespace {

using nlohmann::json;

class Maker {
 public:
  explicit Maker(const ReportShape& shape) : shape_(shape) {}

  json report() {
    json seeds{{"runs", json::array()},
               {"kept", 7},
               {"accuracy", {{"mean", share()}, {"deviation", value()}}},
               {"loss", {{"mean", value()}, {"deviation", value()}}}};
    for (std::size_t s = 0; s < shape_.seeds; ++s)
      seeds["runs"].push_back({{"seed", 7 + s},
                               {"step", 300},
                               {"accuracy", share()},
                               {"loss", value()},
                               {"training", training()}});
    json transform = json::array();
    for (std::size_t i = 0; i < shape_.attributes * shape_.attributes; ++i)
      transform.push_back(i % (shape_.attributes + 1) == 0 ? json(1.0) : value());
    return {{"armorm_version", "0.0"},
            {"model", name("model", 0)},
            {"attributes", names()},
            {"logit_scale", 9.5},
            {"options",
             {{"compat", shape_.upstream ? "upstream" : "none"},
              {"corr_threshold", "0.03"},
              {"preference_dataset", name("/data/pairs", 1)}}},
            {"pairs", {{"train", 800}, {"validation", 200}, {"prompts_differ", 3}}},
            {"transform", transform},
            {"transform_applied", !shape_.upstream},
            {"debiasing", debiasing()},
            {"training", seeds["runs"][0]["training"]},
            {"seeds", seeds},
            {"validation", scorers()},
            {"gate_usage", usage()},
            {"gate_by_kind", {kinds("validation"), kinds(name("set", 5))}},
            {"reward_bench", reward_bench()},
            {"reward_bench_2", reward_bench_2()},
            {"eval", {{{"name", name("further", 2)}, {"pairs", 50}, {"scorers", scorers()}}}},
            {"length_bias", length_bias()},
            {"examples", {{{"set", "validation"}, {"rows", {example(0), example(1), example(2)}}}}},
            {"sources",
             {{{"role", "preference"},
               {"files", {name("pairs", 3)}},
               {"template_sha256", std::string(64, 'a')}}}},
            {"outputs", {{{"file", "gate.pt"}, {"sha256", std::string(64, 'b')}, {"bytes", 123}}}}};
  }

 private:
  // A number between -1 and 1, different with each call.
  json value() {
    ++calls_;
    return shape_.unmeasured && calls_ % 3 == 0 ? json(nullptr)
                                                : json(std::sin(static_cast<double>(calls_) * 12.9898));
  }
  json share() {
    const json v = value();
    return v.is_null() ? v : json(std::abs(v.get<double>()));
  }
  std::string name(const std::string& what, std::size_t i) const {
    const std::string plain = what + "-" + std::to_string(i);
    if (!shape_.awkward_names) return plain;
    return i % 2 == 0 ? plain + " <b>&\"'</b> </script><script>alert(1)</script>"
                      : plain + std::string(90, 'x') + " y" + std::string(60, 'z');
  }
  json names() const {
    json out = json::array();
    for (std::size_t k = 0; k < shape_.attributes; ++k) out.push_back(name("attribute", k));
    return out;
  }
  json list() {
    json out = json::array();
    for (std::size_t k = 0; k < shape_.attributes; ++k) out.push_back(value());
    return out;
  }
  json training() {
    json train = json::array(), looks = json::array();
    for (int step = 20; step <= 300; step += 20) {
      train.push_back({{"step", step},
                       {"loss", share()},
                       {"learning_rate", 1e-3 * (300 - step) / 300},
                       {"logit_scale", 9 + step / 600.0}});
      if (step % 100 == 0) looks.push_back({{"step", step}, {"accuracy", share()}, {"loss", share()}});
    }
    return {{"train", train}, {"validation", looks}, {"kept_step", 300}, {"stopped_early", true}};
  }
  json debiasing() {
    json out = json::array();
    for (std::size_t k = 0; k < shape_.attributes; ++k)
      out.push_back({{"name", name("attribute", k)},
                     {"penalty", share()},
                     {"correlation_before", value()},
                     {"correlation_after", value()},
                     {"met", k != 1}});
    return out;
  }
  json scorers() {
    json out = json::array();
    for (std::size_t s = 0; s < 4; ++s) {
      const json accuracy = share();
      out.push_back({{"name", s == 0 ? "gate" : name("scorer", s)},
                     {"accuracy", accuracy},
                     {"low", share()},
                     {"high", share()},
                     {"loss", share()}});
      if (s > 0)
        out.back()["against_gate"] = {{"both_right", 10},
                                      {"only_gate_right", 5},
                                      {"only_this_right", 2},
                                      {"both_wrong", 3},
                                      {"p_value", share()}};
    }
    return out;
  }
  json usage() {
    json attributes = json::array();
    for (std::size_t k = 0; k < shape_.attributes; ++k)
      attributes.push_back(
          {{"name", name("attribute", k)}, {"mean_weight", share()}, {"top_share", share()}});
    return {{"n", 200},
            {"attributes", attributes},
            {"mean_entropy", share()},
            {"load_entropy", share()},
            {"information", share()},
            {"warnings", {name("a warning", 0)}}};
  }
  json kinds(const std::string& set) {
    json out = json::array();
    for (std::size_t i = 0; i < shape_.kinds; ++i)
      out.push_back({{"name", name("kind", i)}, {"n", 10 + i}, {"weights", list()}});
    return {{"set", set}, {"by", "subset"}, {"kinds", out}};
  }
  json reward_bench() {
    json out = json::array();
    for (std::size_t s = 0; s < 3; ++s) {
      json subsets = json::array(), sections = json::array();
      for (std::size_t i = 0; i < shape_.kinds; ++i)
        subsets.push_back({{"name", name("kind", i)},
                           {"n", 30},
                           {"correct", 10 + i + s},
                           {"low", share()},
                           {"high", share()}});
      for (const char* section : {"Chat", "Chat Hard", "Safety", "Reasoning"})
        sections.push_back({{"name", section},
                            {"score", 40.0 + 10.0 * static_cast<double>(s)},
                            {"n", 90},
                            {"missing", json::array({name("kind", 9)})}});
      out.push_back({{"name", s == 0 ? "gate" : name("scorer", s)},
                     {"subsets", subsets},
                     {"sections", sections},
                     {"score", nullptr}});
    }
    return out;
  }
  json reward_bench_2() {
    json scorers = json::array();
    for (std::size_t s = 0; s < 2; ++s)
      scorers.push_back(
          {{"name", s == 0 ? "gate" : name("scorer", s)},
           {"score", 61.25 + static_cast<double>(s)},
           {"sections",
            {{{"name", "Factuality"}, {"n", 475}, {"score", 60.5}, {"low", 56.0}, {"high", 64.75}},
             {{"name", "Ties"}, {"n", 102}, {"score", nullptr}, {"low", nullptr}, {"high", nullptr}}}}});
    return {{"name", "reward-bench-2"}, {"scorers", scorers}};
  }
  json length_bias() {
    const auto group = [&] {
      return json{{"n", 40}, {"correct", 30}, {"accuracy", share()}, {"low", share()}, {"high", share()}};
    };
    json out = json::array();
    for (std::size_t s = 0; s < 2; ++s)
      out.push_back(
          {{"set", "validation"},
           {"name", name("scorer", s)},
           {"chosen_longer", group()},
           {"chosen_shorter", group()},
           {"equal", {{"n", 0}, {"correct", 0}, {"accuracy", nullptr}, {"low", nullptr}, {"high", nullptr}}},
           {"gap", value()},
           {"margin_correlation", value()}});
    return out;
  }
  json example(int i) {
    const auto both = [](json chosen, json rejected) {
      return json{{"chosen", std::move(chosen)}, {"rejected", std::move(rejected)}};
    };
    return {{"why", i == 0 ? "surest and right" : "closest"},
            {"position", i},
            {"row_id", i == 1 ? json(nullptr) : json(100 + i)},
            {"subset", i == 2 ? json(name("kind", 0)) : json(nullptr)},
            {"prompts_differ", i == 2},
            {"margin", value()},
            {"score", both(value(), value())},
            {"gate", both(list(), list())},
            {"reward", both(list(), list())},
            {"debiased", both(list(), list())},
            {"contribution", both(list(), list())}};
  }
  ReportShape shape_;
  int calls_ = 0;
};

}  // namespace

json gate_report_example(const ReportShape& shape) { return Maker(shape).report(); }

}  // namespace armorm::test
