#include "report/html_page.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "report/html_style.h"

namespace armorm::report::html {
namespace {

constexpr const char* kNone = "–";

// The page loads nothing and runs no script, whatever a name in the report contains.
constexpr const char* kContentPolicy = "default-src 'none'; style-src 'unsafe-inline'";

std::string row_html(const std::vector<Cell>& cells, std::string_view css_class) {
  std::string out = css_class.empty() ? "<tr>" : fmt::format("<tr class=\"{}\">", css_class);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const char* tag = i == 0 ? "th scope=\"row\"" : "td";
    out += fmt::format("<{}{}>{}</{}>", tag, cells[i].attributes, cells[i].content, i == 0 ? "th" : "td");
  }
  return out + "</tr>\n";
}

// Position on a track, in percent of its width.
double place(double value, const Track& track) {
  return std::clamp((value - track.from) / (track.to - track.from), 0.0, 1.0) * 100.0;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  return out;
}

std::string number(double value, int decimals) {
  if (!std::isfinite(value)) return kNone;
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (text.front() == '-' && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);
  return text;
}

std::string trimmed(double value, int decimals) {
  std::string text = number(value, decimals);
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string percent(double share, int decimals) {
  return std::isfinite(share) ? number(100.0 * share, decimals) + " %" : kNone;
}

std::string range(double low, double high, int decimals) {
  if (!std::isfinite(low) || !std::isfinite(high)) return kNone;
  return number(low, decimals) + " – " + number(high, decimals);
}

std::string page(std::string_view title, std::string_view body_html) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">"
      "<title>{}</title><style>{}</style></head>\n<body><main>\n{}</main></body></html>\n",
      kContentPolicy, escaped(title), kStyleSheet, body_html);
}

std::string section(std::string_view id, std::string_view heading, std::string_view body_html) {
  if (body_html.empty()) return "";
  return fmt::format("<section id=\"{}\"><h2>{}</h2>\n{}</section>\n", id, escaped(heading), body_html);
}

std::string paragraph(std::string_view text, std::string_view css_class) {
  return css_class.empty() ? fmt::format("<p>{}</p>\n", escaped(text))
                           : fmt::format("<p class=\"{}\">{}</p>\n", css_class, escaped(text));
}

std::string details(std::string_view summary_html, std::string_view body_html, bool open) {
  return fmt::format("<details{}><summary>{}</summary>\n{}</details>\n", open ? " open" : "", summary_html,
                     body_html);
}

Cell text_cell(std::string_view text) { return {escaped(text), " class=\"text\""}; }

Cell bar_cell(std::string html, double share) {
  if (!std::isfinite(share)) return {std::move(html)};
  return {std::move(html),
          fmt::format(" class=\"bar\" style=\"--w:{:.1f}%\"", 100.0 * std::clamp(share, 0.0, 1.0))};
}

Cell signed_bar_cell(std::string html, double value, double low, double high) {
  const Track track{.from = std::min(low, 0.0), .to = std::max(high, 0.0)};
  if (!std::isfinite(value) || !(track.to > track.from)) return {std::move(html)};
  const auto [left, right] = std::minmax({place(value, track), place(0.0, track)});
  const double width = right - left;
  // A background's position is a share of what the bar leaves free.
  const double position = width < 100.0 ? 100.0 * left / (100.0 - width) : 0.0;
  return {std::move(html), fmt::format(" class=\"bar from-zero{}\" style=\"--w:{:.1f}%;--x:{:.1f}%\"",
                                       value < 0.0 ? " low" : "", width, position)};
}

Cell heat_cell(std::string html, double strength) {
  if (!std::isfinite(strength)) return {std::move(html)};
  const double share = std::clamp(std::abs(strength), 0.0, 1.0);
  if (share == 0.0) return {std::move(html), " class=\"zero\""};
  return {std::move(html),
          fmt::format(" class=\"{}\" style=\"--a:{:.3f}\"", strength < 0.0 ? "heat low" : "heat", share)};
}

Cell balance_cell(double strength) {
  if (!std::isfinite(strength)) return {""};
  const double half = 50.0 * std::clamp(std::abs(strength), 0.0, 1.0);
  return {
      fmt::format("<span class=\"balance\" aria-hidden=\"true\"><i class=\"{}\" "
                  "style=\"left:{:.1f}%;width:{:.1f}%\"></i></span>",
                  strength < 0.0 ? "low" : "high", strength < 0.0 ? 50.0 - half : 50.0, half)};
}

Cell track_cell(const Track& track) {
  std::string out = "<span class=\"track\" aria-hidden=\"true\">";
  if (std::isfinite(track.low) && std::isfinite(track.high)) {
    const auto [left, right] = std::minmax({place(track.low, track), place(track.high, track)});
    out += fmt::format("<i class=\"span\" style=\"left:{:.1f}%;width:{:.1f}%\"></i>", left, right - left);
  }
  if (std::isfinite(track.reference))
    out += fmt::format("<i class=\"line\" style=\"left:{:.1f}%\"></i>", place(track.reference, track));
  if (std::isfinite(track.mark))
    out += fmt::format("<i class=\"dot\" style=\"left:{:.1f}%\"></i>", place(track.mark, track));
  return {out + "</span>"};
}

Table::Table(std::string id, std::string caption, std::vector<Column> columns)
    : id_(std::move(id)), caption_(std::move(caption)), columns_(std::move(columns)) {}

Table& Table::add(const std::vector<Cell>& cells, std::string_view css_class) {
  body_ += row_html(cells, css_class);
  return *this;
}

Table& Table::total(const std::vector<Cell>& cells) {
  foot_ += row_html(cells, "");
  return *this;
}

Table& Table::upright_headings() {
  css_class_ = "upright";
  return *this;
}

Table& Table::wrap_text() {
  css_class_ = "wrap";
  return *this;
}

std::string Table::str() const {
  std::string head;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    head += fmt::format("<th scope=\"col\"{}><span>{}</span></th>",
                        columns_[i].text || i == 0 ? " class=\"text\"" : "", escaped(columns_[i].name));
  }
  return fmt::format(
      "<figure class=\"table\"><figcaption id=\"{0}-caption\">{1}</figcaption>"
      "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-labelledby=\"{0}-caption\">"
      "<table id=\"{0}\" "
      "aria-labelledby=\"{0}-caption\"{2}>\n<thead><tr>{3}</tr></thead>\n<tbody>\n{4}</tbody>\n{5}"
      "</table></div></figure>\n",
      id_, escaped(caption_), css_class_.empty() ? "" : " class=\"" + css_class_ + "\"", head, body_,
      foot_.empty() ? "" : "<tfoot>\n" + foot_ + "</tfoot>\n");
}

std::string heat_map(const HeatMap& map) {
  std::vector<Column> columns{Column(map.corner, true)};
  for (const std::string& name : map.note_headings) columns.emplace_back(name);
  for (const std::string& name : map.columns) columns.emplace_back(name);
  double largest = 0.0;
  for (const double v : map.values)
    if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
  Table table(map.id, map.caption, std::move(columns));
  table.upright_headings();
  for (std::size_t i = 0; i < map.rows.size(); ++i) {
    std::vector<Cell> cells{escaped(map.rows[i])};
    if (i < map.notes.size())
      for (const std::string& note : map.notes[i]) cells.emplace_back(escaped(note));
    for (std::size_t j = 0; j < map.columns.size(); ++j) {
      const double value = map.values.at(i * map.columns.size() + j);
      cells.push_back(heat_cell((map.trim ? trimmed : number)(value, map.decimals),
                                largest > 0.0 ? value / largest : value));
    }
    table.add(cells);
  }
  return table.str();
}

}  // namespace armorm::report::html
