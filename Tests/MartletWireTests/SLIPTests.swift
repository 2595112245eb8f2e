import MartletWire
import Testing

@Suite("Packets on a serial line (RFC 1055)") struct SLIPTests {
  /// The packets that a reader with room for `limit` octets finds on a line.
  private func packets(_ line: [UInt8], limit: Int = 64, _ reader: inout SLIPReader) -> [[UInt8]] {
    var buffer = [UInt8](repeating: 0xaa, count: limit)
    return line.compactMap { octet in
      var span = buffer.mutableSpan
      var room = span.mutableBytes
      let count = reader.take(octet, into: &room)
      return count.map { Array(buffer[..<$0]) }
    }
  }

  private func line(_ packet: [UInt8]) -> [UInt8] {
    var buffer = [UInt8](repeating: 0xaa, count: SLIP.largestFrame(of: packet.count))
    var span = buffer.mutableSpan
    var room = span.mutableBytes
    let count = SLIP.write(packet.span.bytes, into: &room)
    return Array(buffer[..<count])
  }

  @Test("END and ESC are written as two octets, with an END before and behind")
  func octets() {
    #expect(line([1, 0o300, 2, 0o333, 3]) == [0o300, 1, 0o333, 0o334, 2, 0o333, 0o335, 3, 0o300])
  }

  @Test("What is written is read back, whatever it is, in whatever pieces it comes")
  func roundTrip() {
    var random = SeededGenerator(seed: 55)
    var reader = SLIPReader()
    let sent = (0..<500).map { _ in
      // Half of the octets are those that are written as two.
      random.bytes(1 + Int(random.next() % 60)).map { $0 < 64 ? 0o300 : $0 < 128 ? 0o333 : $0 }
    }
    #expect(packets(sent.flatMap(line), &reader) == sent)
    #expect(reader.losses == 0)
  }

  @Test("Noise, empty packets, what is too long and a wrong ESC cost no packet but their own")
  func noise() {
    var reader = SLIPReader()
    let good: [UInt8] = [1, 2, 3]
    #expect(packets([7, 7] + line(good), &reader) == [[7, 7], good])
    #expect(packets([0o300, 0o300] + line(good), &reader) == [good])
    #expect(packets([0o333, 1, 5] + line(good), &reader) == [good])
    #expect(packets([5, 0o333] + line(good), &reader) == [good])
    #expect(packets([UInt8](repeating: 5, count: 65) + line(good), &reader) == [good])
    #expect(packets([UInt8](repeating: 5, count: 64) + line(good), &reader).count == 2)
    #expect(reader.losses == 3)
  }

  @Test("Without room for the worst case nothing is written")
  func noRoom() {
    let packet: [UInt8] = [1, 2, 3]
    var buffer = [UInt8](repeating: 0xaa, count: 7)
    var span = buffer.mutableSpan
    var room = span.mutableBytes
    #expect(SLIP.write(packet.span.bytes, into: &room) == 0)
  }
}
