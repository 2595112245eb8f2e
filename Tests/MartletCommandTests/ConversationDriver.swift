import MartletCommand

extension Conversation {
  /// Gives it a text in pieces of at most `size` octets, never more than it has appetite for, and
  /// returns everything that it offers meanwhile, sent in pieces of at most `size` too.
  func exchange(_ text: String, size: Int = .max) -> String {
    var rest = Array(text.utf8)[...]
    var answer: [UInt8] = []
    repeat {
      let count = min(size, appetite, rest.count)
      if count > 0 {
        Array(rest.prefix(count)).withUnsafeBytes { take($0.bytes) }
        rest = rest.dropFirst(count)
      }
      let before = answer.count
      answer += drain(size: size)
      if count == 0 && answer.count == before { break }
    } while !rest.isEmpty
    return String(decoding: answer, as: UTF8.self)
  }

  /// Everything that it offers, up to `limit` octets.
  func drain(size: Int = .max, limit: Int = 1 << 24) -> [UInt8] {
    var all: [UInt8] = []
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
    defer { room.deallocate() }
    while all.count < limit {
      var span = room.mutableBytes
      let count = min(offer(&span), size)
      guard count > 0 else { break }
      all += room.prefix(count)
      sent(count)
    }
    return all
  }
}
