import MartletTrace

/// What has become of the packets of a link, for people and for programs.
struct LinkReport {
  private let forward: PathCounters
  private let backward: PathCounters

  #if os(Linux)
    init(_ relay: borrowing LinkRelay) {
      forward = relay.forward.counters
      backward = relay.backward.counters
    }
  #endif

  func tell(_ journal: Journal, _ name: String) {
    let text = Self.text("left to right", forward) + "\n" + Self.text("right to left", backward)
    journal.tell(.normal, name, text) {
      $0.add("left_to_right", Self.object(forward))
      $0.add("right_to_left", Self.object(backward))
    }
  }

  private static func text(_ direction: String, _ counters: PathCounters) -> String {
    var parts = ["\(counters.delivered) delivered"]
    for (name, count) in fates(counters) where count > 0 {
      parts.append("\(count) \(name.replacing("_", with: " "))")
    }
    let queue = counters.queueHighWater
    if queue.packets > 0 { parts.append("at most \(queue.packets) (\(queue.octets) octets) in the queue") }
    return "\(direction): \(counters.packets) packets, \(counters.octets) octets: "
      + parts.joined(separator: ", ")
  }

  private static func object(_ counters: PathCounters) -> JSONObject {
    var object = JSONObject()
    object.add("packets", counters.packets)
    object.add("octets", counters.octets)
    object.add("delivered", counters.delivered)
    object.add("delivered_octets", counters.deliveredOctets)
    for (name, count) in fates(counters) { object.add(name, count) }
    object.add("queue_high_water_packets", UInt64(clamping: counters.queueHighWater.packets))
    object.add("queue_high_water_octets", UInt64(clamping: counters.queueHighWater.octets))
    return object
  }

  private static func fates(_ counters: PathCounters) -> [(String, UInt64)] {
    [
      ("lost", counters.lost), ("lost_in_bursts", counters.lostInBursts),
      ("dropped_by_the_queue", counters.overflowed), ("dropped_for_memory", counters.refused),
      ("doubled", counters.doubled), ("held_back", counters.heldBack), ("corrupted", counters.corrupted),
      ("marked", counters.marked),
    ]
  }
}
