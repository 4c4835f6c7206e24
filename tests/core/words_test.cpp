#include "core/words.h"

#include "core/error.h"
#include "core/log.h"
#include "support/error_of.h"

using namespace armorm;
using namespace armorm::test;

namespace {

enum class Shape { line, circle, square };
constexpr std::array<std::string_view, 3> words_of(Shape) { return {"line", "circle", "square"}; }
enum class Side { left, right };
constexpr std::array<std::string_view, 2> words_of(Side) { return {"left", "right"}; }
enum class Plain { one };

static_assert(Worded<Shape> && Worded<log::Level>);
static_assert(!Worded<Plain> && !Worded<int> && !Worded<std::string>);

}  // namespace

TEST_CASE("an enumerator and its word lead to each other", "[unit]") {
  CHECK(name_of(Shape::line) == "line");
  CHECK(name_of(Shape::square) == "square");
  for (const Shape shape : {Shape::line, Shape::circle, Shape::square})
    CHECK(parse_word<Shape>("--shape", name_of(shape)) == shape);
  CHECK(parse_word<log::Level>("level", "warn") == log::Level::warn);
}

TEST_CASE("an unknown word is a usage error with the word and the choices", "[unit]") {
  const auto message = [](std::string_view word) {
    return error_of([&] { parse_word<Shape>("--shape", word); }, ErrorKind::usage);
  };
  CHECK(message("cube") == "--shape: 'cube' is unknown; use line, circle or square");
  for (const char* near : {"", "Line", "lin", "lines", " line", "line,circle"})
    CHECK_THAT(message(near), Catch::StartsWith("--shape: '" + std::string(near) + "' is unknown"));
  CHECK(error_of([] { parse_word<Side>("side", "up"); }, ErrorKind::usage) ==
        "side: 'up' is unknown; use left or right");
}
