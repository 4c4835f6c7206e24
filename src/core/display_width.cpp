#include "core/display_width.h"

#include <utf8proc.h>

#include <algorithm>

#include "core/utf8.h"

namespace armorm {
namespace {

std::size_t width_of(char32_t c) noexcept {
  if (c < 0x300) return c == 0xad ? 0 : 1;
  return static_cast<std::size_t>(std::max(utf8proc_charwidth(static_cast<utf8proc_int32_t>(c)), 0));
}

bool breaks_after(char c) noexcept { return std::string_view(" -_/,").find(c) != std::string_view::npos; }

// The text in pieces that stay together; a piece ends with the character after which a line may break.
std::vector<std::string_view> pieces_of(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool before_bracket = i + 1 < text.size() && text[i + 1] == '(';
    if (!breaks_after(text[i]) && !before_bracket) continue;
    out.push_back(text.substr(begin, i + 1 - begin));
    begin = i + 1;
  }
  if (begin < text.size()) out.push_back(text.substr(begin));
  return out;
}

std::string_view without_spaces_at_end(std::string_view text) noexcept {
  const std::size_t last = text.find_last_not_of(' ');
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

// Collects pieces into lines.
class Lines {
 public:
  explicit Lines(std::size_t width) : width_(std::max<std::size_t>(width, 1)) {}

  void add(std::string_view piece) {
    if (display_width(line_) + display_width(without_spaces_at_end(piece)) > width_) end_line();
    while (display_width(without_spaces_at_end(piece)) > width_) {
      std::string_view head = cut_to_width(piece, width_);
      if (head.empty()) head = piece.substr(0, decode_utf8(piece, 0).size);
      line_ = head;
      end_line();
      piece.remove_prefix(head.size());
    }
    line_ += piece;
  }
  std::vector<std::string> take() {
    if (!line_.empty() || lines_.empty()) lines_.emplace_back(without_spaces_at_end(line_));
    return std::move(lines_);
  }

 private:
  void end_line() {
    if (!line_.empty()) lines_.emplace_back(without_spaces_at_end(line_));
    line_.clear();
  }

  std::size_t width_;
  std::string line_;
  std::vector<std::string> lines_;
};

}  // namespace

std::size_t display_width(std::string_view text) noexcept {
  if (is_ascii(text)) return text.size();
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    width += width_of(c.value);
    i += c.size;
  }
  return width;
}

std::string_view cut_to_width(std::string_view text, std::size_t most) noexcept {
  std::size_t width = 0, end = 0;
  while (end < text.size()) {
    const CodePoint c = decode_utf8(text, end);
    width += width_of(c.value);
    if (width > most) break;
    end += c.size;
  }
  return text.substr(0, end);
}

std::string padded_right(std::string_view text, std::size_t width) {
  const std::size_t taken = display_width(text);
  return std::string(text) + std::string(taken < width ? width - taken : 0, ' ');
}

std::string padded_left(std::string_view text, std::size_t width) {
  const std::size_t taken = display_width(text);
  return std::string(taken < width ? width - taken : 0, ' ') + std::string(text);
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  Lines lines(width);
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = std::min(text.find(' ', i), text.size() - 1) + 1;
    const std::string_view word = text.substr(i, end - i);
    if (display_width(without_spaces_at_end(word)) <= width)
      lines.add(word);
    else
      for (const std::string_view piece : pieces_of(word)) lines.add(piece);
    i = end;
  }
  return lines.take();
}

std::size_t widest_piece(std::string_view text) {
  std::size_t widest = 0;
  for (const std::string_view piece : pieces_of(text))
    widest = std::max(widest, display_width(without_spaces_at_end(piece)));
  return widest;
}

std::string wrapped_words(std::string_view text, std::size_t width, std::size_t indent) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = std::min(text.find(' ', i), text.size() - 1) + 1;
    const std::string_view word = text.substr(i, end - i);
    if (at > indent && at + display_width(without_spaces_at_end(word)) > width) {
      out.erase(out.find_last_not_of(' ') + 1);
      out += "\n" + std::string(indent, ' ');
      at = indent;
    }
    out += word;
    at += display_width(word);
    i = end;
  }
  return out;
}

}  // namespace armorm
