/// A table of few entries. A hash table counts in floating point, which the smallest processors do not have.
struct Table<Key: Equatable, Value> {
  private var entries: [(key: Key, value: Value)] = []

  var count: Int { entries.count }

  subscript(key: Key) -> Value? {
    get { entries.first { $0.key == key }?.value }
    set {
      let place = entries.firstIndex { $0.key == key }
      switch (place, newValue) {
      case (let place?, let value?): entries[place].value = value
      case (let place?, nil): entries.remove(at: place)
      case (nil, let value?): entries.append((key, value))
      case (nil, nil): break
      }
    }
  }

  mutating func removeAll(where shouldGo: (Value) -> Bool) {
    entries.removeAll { shouldGo($0.value) }
  }
}
