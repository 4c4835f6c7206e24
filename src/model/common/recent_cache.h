// The values that were used last, at most a given number of them.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <utility>

namespace armorm::model {

// Not thread-safe.
template <class Key, class Value>
class RecentCache {
 public:
  explicit RecentCache(std::size_t capacity) : capacity_(capacity) {}

  // The value of `key`, valid until the next call; make() provides it when it is not kept. The value that was
  // unused for longest makes way for it.
  template <class Make>
  Value& get(const Key& key, const Make& make) {
    const auto found = places_.find(key);
    if (found != places_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return entries_.front().second;
    }
    entries_.emplace_front(key, make());
    places_[key] = entries_.begin();
    if (entries_.size() > capacity_) {
      places_.erase(entries_.back().first);
      entries_.pop_back();
    }
    return entries_.front().second;
  }

  std::size_t size() const noexcept { return entries_.size(); }

 private:
  using Entries = std::list<std::pair<Key, Value>>;  // the one used last is the first

  std::size_t capacity_;
  Entries entries_;
  std::map<Key, typename Entries::iterator> places_;
};

}  // namespace armorm::model
