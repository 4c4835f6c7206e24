#include "report/sum_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/html_page.h"
#include "report/html_text.h"

namespace armorm::report::html {
namespace {

// In units of the view box, which is as wide as a page on a phone.
constexpr double kWidth = 340.0;
constexpr double kLeft = 8.0;
constexpr double kRight = 332.0;
constexpr double kTop = 6.0;
constexpr double kName = 13.0;  // height of a row's name
constexpr double kGap = 6.0;    // below a row
constexpr double kBars = 15.0;  // height of a row's bars
constexpr int kDecimals = 4;
constexpr std::size_t kNameCharacters = 38;  // that fit beside the numbers

// Maps values to the view box.
class Scale {
 public:
  explicit Scale(const SumChart& chart) {
    for (const SumSeries& s : chart.series) {
      double sum = 0.0;
      for (const double value : s.values) include(sum += value);
      include(s.total);
    }
    if (high_ - low_ < 1e-12) high_ = low_ + 1.0;
  }
  double x(double value) const { return kLeft + (value - low_) / (high_ - low_) * (kRight - kLeft); }

 private:
  void include(double value) {
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
  }
  double low_ = 0.0;
  double high_ = 0.0;
};

bool is_drawable(const SumChart& chart) {
  const auto finite = [](double v) { return std::isfinite(v); };
  return !chart.rows.empty() && std::ranges::all_of(chart.series, [&](const SumSeries& s) {
    return s.values.size() == chart.rows.size() && finite(s.total) && std::ranges::all_of(s.values, finite);
  });
}

// Ends with an ellipsis if it is too long; between two characters.
std::string shortened(const std::string& name) {
  std::size_t at = 0;
  for (std::size_t n = 0; at < name.size() && n < kNameCharacters; ++n) do
      ++at;
    while (at < name.size() && (static_cast<unsigned char>(name[at]) & 0xC0U) == 0x80U);
  return at == name.size() ? name : name.substr(0, at) + "…";
}

std::string signed_number(double value) {
  const std::string text = number(value, kDecimals);
  return value > 0.0 && text.find_first_not_of("0.") != std::string::npos ? "+" + text : text;
}

std::string bar(const Scale& scale, double from, double to, double y, double height, int colour) {
  const auto [left, right] = std::minmax({scale.x(from), scale.x(to)});
  return fmt::format(
      "<rect class=\"f{}{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"></rect>", colour,
      to < from ? " less" : "", left, y, std::max(right - left, 0.4), height);
}

class Drawing {
 public:
  explicit Drawing(const SumChart& chart) : chart_(chart), scale_(chart), sums_(chart.series.size(), 0.0) {}

  std::string draw() {
    const double bottom = kTop + static_cast<double>(chart_.rows.size() + 1) * row_height();
    out_ = fmt::format("<line class=\"reference\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>",
                       scale_.x(0.0), kTop, bottom);
    for (std::size_t row = 0; row < chart_.rows.size(); ++row) add_row(row);
    add_total();
    return fmt::format(
        "<svg class=\"chart sum\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}</svg>\n", kWidth,
        bottom, escaped(label()), out_);
  }

 private:
  double row_height() const { return kName + kBars + kGap; }
  double bar_height() const { return kBars / static_cast<double>(chart_.series.size()); }
  int colour_of(std::size_t series) const { return chart_.first_colour + static_cast<int>(series); }

  // The row's name, and its numbers at the right.
  void add_texts(double y, const std::string& name, const std::string& numbers, const char* css_class) {
    const std::string shown = shortened(name);
    out_ += fmt::format("<text class=\"{}\" x=\"{}\" y=\"{:.1f}\">{}</text>", css_class, kLeft, y + 10,
                        plain_text(shown));
    out_ += fmt::format("<text class=\"{}\" x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", css_class,
                        kRight, y + 10, numbers);
  }

  void add_row(std::size_t row) {
    const double y = kTop + static_cast<double>(row) * row_height();
    std::string numbers;
    for (std::size_t s = 0; s < chart_.series.size(); ++s) {
      const double value = chart_.series[s].values[row];
      const double top = y + kName + static_cast<double>(s) * bar_height();
      numbers += (s == 0 ? "" : " | ") + signed_number(value);
      out_ += bar(scale_, sums_[s], sums_[s] + value, top, bar_height() - 1, colour_of(s));
      sums_[s] += value;
      add_link(sums_[s], top, s);
    }
    add_texts(y, chart_.rows[row], numbers, "row");
  }

  // From the end of a bar to the beginning of the next one.
  void add_link(double sum, double top, std::size_t series) {
    out_ +=
        fmt::format("<line class=\"link s{0}\" x1=\"{1:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{3:.1f}\"/>",
                    colour_of(series), scale_.x(sum), top, top + row_height());
  }

  void add_total() {
    const double y = kTop + static_cast<double>(chart_.rows.size()) * row_height();
    std::string numbers;
    for (std::size_t s = 0; s < chart_.series.size(); ++s) {
      numbers += (s == 0 ? "" : " | ") + signed_number(chart_.series[s].total);
      out_ += bar(scale_, 0.0, chart_.series[s].total, y + kName + static_cast<double>(s) * bar_height(),
                  bar_height() - 1, colour_of(s));
    }
    add_texts(y, chart_.total_row, numbers, "row total");
  }

  std::string label() const {
    std::string text = chart_.title + ".";
    for (const SumSeries& s : chart_.series)
      text += fmt::format(" {}: {} {}.", s.name, chart_.total_row, number(s.total, kDecimals));
    return text;
  }

  const SumChart& chart_;
  Scale scale_;
  std::vector<double> sums_;
  std::string out_;
};

}  // namespace

std::string sum_chart(const SumChart& chart) { return is_drawable(chart) ? Drawing(chart).draw() : ""; }

}  // namespace armorm::report::html
