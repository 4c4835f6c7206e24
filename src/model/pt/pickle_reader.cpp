#include "model/pt/pickle_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <set>
#include <variant>

#include "core/error.h"

namespace armorm::model::pt {
namespace {

struct Item;
using ItemPtr = Item*;  // owned by the machine; deeply nested items are freed without recursion
struct Mark {};
struct NoneItem {};
struct Global {
  std::string name;  // "module attribute"
};
struct Storage {
  std::string type, key;
  std::int64_t size = 0;
};
using Tuple = std::vector<ItemPtr>;
struct Dict {
  std::vector<std::pair<ItemPtr, ItemPtr>> items;
};
struct Item {
  std::variant<Mark, NoneItem, bool, std::int64_t, std::string, Global, Storage, PickledTensor, Tuple, Dict>
      value;
};

constexpr std::size_t kMaxOperations = 1 << 22;
// Limits of a storage description: it is copied with each tensor, and the memo lets a small file refer to it
// often.
constexpr std::size_t kMaxDimensions = 8;
constexpr std::size_t kMaxKeyBytes = 64;

class Machine {
 public:
  Machine(std::string_view pickle, const std::string& origin) : bytes_(pickle), origin_(origin) {}

  ItemPtr run() {
    for (std::size_t n = 0; n < kMaxOperations; ++n) {
      const auto op = static_cast<unsigned char>(take(1)[0]);
      if (op == '.') return pop();
      step(op);
    }
    bad("too many operations");
  }

 private:
  [[noreturn]] void bad(const std::string& what) const {
    fail_data("{}: pickle at byte {}: {}; only dictionaries of tensors, as torch.save writes them, are read",
              origin_, at_, what);
  }
  std::string_view take(std::size_t n) {
    if (n > bytes_.size() - at_) bad("ends early");
    at_ += n;
    return bytes_.substr(at_ - n, n);
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string line() {
    const std::size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) bad("a name does not end");
    std::string text(take(end - at_));
    take(1);
    return text;
  }
  void push(Item item) { stack_.push_back(&items_.emplace_back(std::move(item))); }
  ItemPtr pop() {
    if (stack_.empty()) bad("takes from an empty stack");
    ItemPtr top = stack_.back();
    stack_.pop_back();
    return top;
  }
  Tuple pop_to_mark() {
    Tuple items;
    while (true) {
      ItemPtr top = pop();
      if (std::holds_alternative<Mark>(top->value)) break;
      items.push_back(top);
    }
    std::reverse(items.begin(), items.end());
    return items;
  }
  Tuple pop_count(std::size_t n) {
    Tuple items(n);
    while (n > 0) items[--n] = pop();
    return items;
  }
  template <class T>
  const T& get(const ItemPtr& item, const char* what) const {
    const T* value = std::get_if<T>(&item->value);
    if (value == nullptr) bad(std::string("expected ") + what);
    return *value;
  }
  void get_memo(std::uint32_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) bad("refers to nothing");
    stack_.push_back(found->second);
  }
  void put_memo(std::uint32_t index) {
    if (stack_.empty()) bad("takes from an empty stack");
    memo_[index] = stack_.back();
  }

  void step(unsigned char op) {
    switch (op) {
      case 0x80:
        return static_cast<void>(take(1));  // PROTO
      case 'c': {
        std::string module = line();
        return push({Global{module + " " + line()}});
      }
      case 'q':
        return put_memo(number<std::uint8_t>());
      case 'r':
        return put_memo(number<std::uint32_t>());
      case 'h':
        return get_memo(number<std::uint8_t>());
      case 'j':
        return get_memo(number<std::uint32_t>());
      case '(':
        return push({Mark{}});
      case 'X':
        return push({std::string(take(number<std::uint32_t>()))});
      case 'K':
        return push({static_cast<std::int64_t>(number<std::uint8_t>())});
      case 'M':
        return push({static_cast<std::int64_t>(number<std::uint16_t>())});
      case 'J':
        return push({static_cast<std::int64_t>(number<std::int32_t>())});
      case 0x8a:
        return push({long_integer()});
      case 0x88:
        return push({true});
      case 0x89:
        return push({false});
      case 'N':
        return push({NoneItem{}});
      case ')':
      case ']':
        return push({Tuple{}});
      case 't':
        return push({pop_to_mark()});
      case 0x85:
        return push({pop_count(1)});
      case 0x86:
        return push({pop_count(2)});
      case 0x87:
        return push({pop_count(3)});
      case '}':
        return push({Dict{}});
      case 's':
        return set_items(pop_count(2));
      case 'u':
        return set_items(pop_to_mark());
      case 'Q':
        return push({storage(pop())});
      case 'R':
        return reduce();
      case 'b':
        return static_cast<void>(pop());  // BUILD: attributes such as a state dict's _metadata
      default:
        bad(fmt::format("unknown operation 0x{:02x}", op));
    }
  }

  std::int64_t long_integer() {
    const auto n = number<std::uint8_t>();
    if (n > 8) bad("an integer is too large");
    const std::string_view digits = take(n);
    std::int64_t value = n > 0 && (digits.back() & 0x80) != 0 ? -1 : 0;
    std::memcpy(&value, digits.data(), n);
    return value;
  }

  void set_items(Tuple items) {
    if (items.size() % 2 != 0 || stack_.empty()) bad("sets items of nothing");
    auto* dict = std::get_if<Dict>(&stack_.back()->value);
    if (dict == nullptr) bad("sets items of something else than a dictionary");
    for (std::size_t i = 0; i < items.size(); i += 2) dict->items.emplace_back(items[i], items[i + 1]);
  }

  // ('storage', <storage class>, key, device, size)
  Storage storage(const ItemPtr& item) {
    const Tuple& id = get<Tuple>(item, "a storage");
    if (id.size() != 5 || get<std::string>(id[0], "a storage") != "storage") bad("expected a storage");
    const std::string& type = get<Global>(id[1], "a storage class").name;
    if (!type.starts_with("torch ")) bad("unknown storage class '" + type + "'");
    const std::string& key = get<std::string>(id[2], "a storage key");
    if (type.size() > kMaxKeyBytes || key.size() > kMaxKeyBytes) bad("the name of a storage is too long");
    return {type.substr(6), key, get<std::int64_t>(id[4], "a storage size")};
  }

  std::vector<std::int64_t> integers(const ItemPtr& item) {
    const Tuple& sizes = get<Tuple>(item, "sizes");
    if (sizes.size() > kMaxDimensions)
      bad(fmt::format("a tensor of {} dimensions, at most {} are read", sizes.size(), kMaxDimensions));
    std::vector<std::int64_t> out;
    for (const ItemPtr& i : sizes) out.push_back(get<std::int64_t>(i, "a size"));
    return out;
  }

  void reduce() {
    ItemPtr arguments_item = pop();
    const Tuple& arguments = get<Tuple>(arguments_item, "arguments");
    ItemPtr callee = pop();
    const std::string& name = get<Global>(callee, "a function").name;
    if (name == "collections OrderedDict" && arguments.empty()) return push({Dict{}});
    if (name == "torch._utils _rebuild_parameter" && !arguments.empty())
      return push({get<PickledTensor>(arguments[0], "a tensor")});
    if (name != "torch._utils _rebuild_tensor_v2" || arguments.size() < 4) bad("calls '" + name + "'");
    if (arguments.size() > 6) bad("a tensor with metadata, such as one that is stored negated");
    const auto& s = get<Storage>(arguments[0], "a storage");
    push({PickledTensor{s.type, s.key, s.size, get<std::int64_t>(arguments[1], "an offset"),
                        integers(arguments[2]), integers(arguments[3])}});
  }

  std::string_view bytes_;
  const std::string& origin_;
  std::size_t at_ = 0;
  std::deque<Item> items_;
  std::vector<ItemPtr> stack_;
  std::map<std::uint32_t, ItemPtr> memo_;
};

}  // namespace

std::vector<std::pair<std::string, PickledTensor>> read_pickled_tensors(std::string_view pickle,
                                                                        const std::string& origin) {
  Machine machine(pickle, origin);
  ItemPtr root = machine.run();
  const auto* dict = std::get_if<Dict>(&root->value);
  if (dict == nullptr) fail_data("{}: holds no dictionary of tensors", origin);
  std::vector<std::pair<std::string, PickledTensor>> tensors;
  std::set<std::string_view> names;
  for (const auto& [key, value] : dict->items) {
    const auto* name = std::get_if<std::string>(&key->value);
    const auto* tensor = std::get_if<PickledTensor>(&value->value);
    if (name == nullptr || tensor == nullptr)
      fail_data("{}: the dictionary holds something else than tensors by name{}", origin,
                name == nullptr ? "" : fmt::format(": '{}'", name->substr(0, kMaxKeyBytes)));
    if (!names.insert(*name).second) fail_data("{}: the dictionary holds '{}' twice", origin, *name);
    tensors.emplace_back(*name, *tensor);
  }
  return tensors;
}

}  // namespace armorm::model::pt
