#include "report/html_chart.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "report/html_page.h"

namespace armorm::report::html {
namespace {

// In units of the view box, which is as wide as a page on a phone.
constexpr double kWidth = 340.0;
constexpr double kHeight = 212.0;
constexpr double kLeft = 48.0;
constexpr double kTop = 24.0;
constexpr double kRight = 328.0;
constexpr double kBottom = 174.0;
constexpr int kXTicks = 5;
constexpr int kYTicks = 4;
constexpr std::size_t kMaxDots = 40;  // above this number, dots appear only under the pointer

bool finite(const Point& p) { return std::isfinite(p.x) && std::isfinite(p.y); }

struct Span {
  double low = INFINITY;
  double high = -INFINITY;
  void include(double v) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  // Adds a margin around values that are constant or differ only by rounding.
  void widen() {
    if (high - low > 1e-9 * std::max(std::abs(low), std::abs(high))) return;
    const double room = std::max(std::abs(low) * 0.05, 1e-3);
    low -= room;
    high += room;
  }
};

double step_of(double low, double high, int most) {
  const double raw = (high - low) / most;
  const double magnitude = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * magnitude >= raw * (1.0 - 1e-9)) return factor * magnitude;
  return 10.0 * magnitude;
}

std::string tick_text(double value, double step) {
  if (std::abs(value) >= 1e6 || step < 1e-5) return fmt::format("{:.3g}", value);
  return number(value, std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9))));
}

// Maps values to the view box.
class Frame {
 public:
  explicit Frame(const Chart& chart) {
    const auto include = [this](const std::vector<Point>& points) {
      for (const Point& p : points)
        if (finite(p)) x_.include(p.x), y_.include(p.y);
    };
    for (const Series& s : chart.series) include(s.points);
    for (const Band& b : chart.bands) include(b.low), include(b.high);
    include(chart.marked);
    if (chart.diagonal) x_ = y_ = {std::min(x_.low, y_.low), std::max(x_.high, y_.high)};
    x_.widen();
    y_.widen();
    if (chart.diagonal || !drawable()) return;
    const double step = step_of(y_.low, y_.high, kYTicks);
    y_ = {std::floor(y_.low / step + 1e-9) * step, std::ceil(y_.high / step - 1e-9) * step};
  }
  bool drawable() const {
    return std::isfinite(x_.high - x_.low) && std::isfinite(y_.high - y_.low) && x_.high > x_.low &&
           y_.high > y_.low;
  }
  double x(double v) const { return kLeft + (v - x_.low) / (x_.high - x_.low) * (kRight - kLeft); }
  double y(double v) const { return kBottom - (v - y_.low) / (y_.high - y_.low) * (kBottom - kTop); }
  const Span& x_span() const { return x_; }
  const Span& y_span() const { return y_; }

 private:
  Span x_;
  Span y_;
};

std::string text_at(double x, double y, const char* anchor, std::string_view what) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>", x, y, anchor,
                     escaped(what));
}

std::string axes(const Frame& frame, const Chart& chart) {
  std::string out;
  const double y_step = step_of(frame.y_span().low, frame.y_span().high, kYTicks);
  for (const double v : round_ticks(frame.y_span().low, frame.y_span().high, kYTicks))
    out += fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeft,
                       kRight, frame.y(v), frame.y(v)) +
           text_at(kLeft - 6, frame.y(v) + 4, "end", tick_text(v, y_step));
  const double x_step = step_of(frame.x_span().low, frame.x_span().high, kXTicks);
  for (const double v : round_ticks(frame.x_span().low, frame.x_span().high, kXTicks))
    out += fmt::format("<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{}\"/>", frame.x(v),
                       frame.x(v), kBottom, kBottom + 4) +
           text_at(frame.x(v), kBottom + 16, "middle", tick_text(v, x_step));
  return out + text_at(kLeft, 14, "start", chart.y) +
         text_at((kLeft + kRight) / 2, kHeight - 6, "middle", chart.x);
}

std::string path(const Frame& frame, const Series& series) {
  std::string d;
  bool pen_down = false;
  for (const Point& p : series.points) {
    if (finite(p)) d += fmt::format("{}{:.1f},{:.1f}", pen_down ? "L" : "M", frame.x(p.x), frame.y(p.y));
    pen_down = finite(p);
  }
  return d.empty() ? ""
                   : fmt::format("<path class=\"s{}{}\" d=\"{}\"/>", series.colour,
                                 series.faint ? " faint" : "", d);
}

std::string dots(const Frame& frame, const Series& series, const Chart& chart) {
  if (series.faint) return "";
  const bool many = series.points.size() > kMaxDots;
  std::string out;
  for (const Point& p : series.points)
    if (finite(p))
      out += fmt::format(
          "<circle class=\"f{}{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\"><title>{}{} {:g}: "
          "{:.4g}</title></circle>",
          series.colour, many ? " hover" : "", frame.x(p.x), frame.y(p.y), many ? 5 : 2.5,
          series.name.empty() ? "" : escaped(series.name) + ", ", escaped(chart.x), p.x, p.y);
  return out;
}

std::string polygon(const Frame& frame, const Band& band) {
  std::string points;
  const auto append = [&](const Point& p) {
    if (finite(p)) points += fmt::format("{:.1f},{:.1f} ", frame.x(p.x), frame.y(p.y));
  };
  std::for_each(band.low.begin(), band.low.end(), append);
  std::for_each(band.high.rbegin(), band.high.rend(), append);
  return fmt::format("<polygon class=\"f{}\" points=\"{}\"/>", band.colour, points);
}

std::string in_words(const Series& series, const Chart& chart) {
  std::vector<Point> seen;
  std::copy_if(series.points.begin(), series.points.end(), std::back_inserter(seen), finite);
  if (seen.empty() || series.faint) return "";
  const auto by_y = [](const Point& a, const Point& b) { return a.y < b.y; };
  const Point low = *std::min_element(seen.begin(), seen.end(), by_y);
  const Point high = *std::max_element(seen.begin(), seen.end(), by_y);
  return fmt::format(
      " {} from {:.4g} at {} {:g} to {:.4g} at {:g}; lowest {:.4g} at {:g}, highest {:.4g} at {:g}.",
      series.name.empty() ? chart.y : series.name, seen.front().y, chart.x, seen.front().x, seen.back().y,
      seen.back().x, low.y, low.x, high.y, high.x);
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int most) {
  const double step = step_of(low, high, most);
  std::vector<double> ticks;
  // By index: repeated addition of the step would drift. Whole numbers are exact.
  // NOLINTNEXTLINE(cert-flp30-c)
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i)
    ticks.push_back(i * step);
  return ticks;
}

std::string line_chart(const Chart& chart) {
  const Frame frame(chart);
  if (!frame.drawable()) return "";
  std::string drawn = axes(frame, chart);
  if (chart.diagonal)
    drawn += fmt::format("<line class=\"reference\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>", kLeft,
                         kBottom, kRight, kTop);
  std::string label = chart.title + ".";
  for (const Band& band : chart.bands) drawn += polygon(frame, band);
  for (const Series& series : chart.series) {
    drawn += path(frame, series) + dots(frame, series, chart);
    label += in_words(series, chart);
  }
  for (const Point& p : chart.marked)
    if (finite(p))
      drawn += fmt::format("<circle class=\"f0 marked\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\"></circle>",
                           frame.x(p.x), frame.y(p.y));
  return fmt::format("<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}</svg>\n",
                     kWidth, kHeight, escaped(label), drawn);
}

std::string legend(const Chart& chart) {
  std::string items;
  int count = 0;
  for (const Series& s : chart.series) {
    if (s.name.empty()) continue;
    ++count;
    items += fmt::format(
        "<li><svg viewBox=\"0 0 26 8\" aria-hidden=\"true\"><line class=\"s{}\" x1=\"0\" x2=\"26\" y1=\"4\" "
        "y2=\"4\"/></svg>{}</li>",
        s.colour, escaped(s.name));
  }
  return count > 1 ? "<ul class=\"legend\">" + items + "</ul>\n" : "";
}

}  // namespace armorm::report::html
