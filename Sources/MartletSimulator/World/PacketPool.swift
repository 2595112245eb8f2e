/// Packets on their way, in places that are used again, so that a packet costs no allocation.
struct PacketPool {
  private var places: [[UInt8]] = []
  private var free: [Int] = []

  /// Places that hold a packet.
  var inUse: Int { places.count - free.count }

  /// A place with room for a packet of `room` octets.
  mutating func take(room: Int) -> Int {
    guard let place = free.popLast() else {
      places.append([UInt8](repeating: 0, count: room))
      return places.count - 1
    }
    if places[place].count < room { places[place] = [UInt8](repeating: 0, count: room) }
    return place
  }

  /// A place with these octets.
  mutating func take(_ octets: [UInt8]) -> Int {
    let place = take(room: 0)
    places[place] = octets
    return place
  }

  mutating func release(_ place: Int) { free.append(place) }

  subscript(place: Int) -> [UInt8] {
    _read { yield places[place] }
    _modify { yield &places[place] }
  }
}
