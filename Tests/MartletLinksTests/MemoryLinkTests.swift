import MartletLinks
import MartletStack
import MartletTCP
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite("Links in memory")
struct MemoryLinkTests {
  let now = Instant.origin

  @Test("A wire that cuts nothing has room for whole packets, and says so")
  func offload() {
    let cut = MemoryLink.pair()
    #expect(cut.left.offload == [] && cut.left.largestPacket == 1_500)
    let whole = MemoryLink.pair(offload: .everything)
    #expect(whole.left.offload == .everything && whole.right.offload == .everything)
    #expect(whole.left.largestPacket == 65_535 && whole.left.mtu == 1_500)
    #expect(MemoryLink.pair(offload: .checksum).left.largestPacket == 1_500)
  }

  @Test("What one end sends the other receives, in order, both ways")
  func carriesBothWays() throws {
    var wire = MemoryLink.pair(mtu: 100, capacity: 4)
    #expect(wire.left.readiness == nil)
    var next: UInt8 = 0
    let outcome = try wire.left.send(limit: 8, now: now) { buffer in
      guard next < 3 else { return nil }
      next += 1
      return write([next, 9, 9], &buffer)
    }
    #expect(outcome == .drained)
    var seen: [[UInt8]] = []
    let count = try wire.right.receive(limit: 8, now: now) { packet, _ in seen.append(octets(packet)) }
    #expect(count == 3)
    #expect(seen == [[1, 9, 9], [2, 9, 9], [3, 9, 9]])

    var answered = false
    _ = try wire.right.send(limit: 1, now: now) { buffer in
      answered = true
      return write([7], &buffer)
    }
    #expect(answered)
    var back: [UInt8] = []
    #expect(try wire.left.receive(limit: 1, now: now) { packet, _ in back = octets(packet) } == 1)
    #expect(back == [7])
    #expect(wire.left.counters.sentPackets == 3)
    #expect(wire.left.counters.sentOctets == 9)
    #expect(wire.right.counters.receivedPackets == 3)
  }

  @Test("A full wire takes nothing, loses nothing, and asks for nothing it cannot carry")
  func waitsWhenFull() throws {
    var wire = MemoryLink.pair(mtu: 100, capacity: 4)
    var asked = 0
    let outcome = try wire.left.send(limit: 100, now: now) { buffer in
      asked += 1
      return write([UInt8(asked)], &buffer)
    }
    #expect(outcome == .full)
    #expect(asked == 4)
    #expect(wire.left.counters.sendStalls == 1)
    var seen: [UInt8] = []
    #expect(try wire.right.receive(limit: 3, now: now) { packet, _ in seen += octets(packet) } == 3)
    let after = try wire.left.send(limit: 1, now: now) { buffer in
      asked += 1
      return write([UInt8(asked)], &buffer)
    }
    #expect(after == .limit)
    #expect(try wire.right.receive(limit: 100, now: now) { packet, _ in seen += octets(packet) } == 2)
    #expect(seen == [1, 2, 3, 4, 5])
  }

  @Test("Metadata travels with a packet larger than the MTU")
  func carriesLargeSegments() throws {
    var wire = MemoryLink.pair(mtu: 1500, capacity: 2, largestPacket: 65_550)
    #expect(wire.left.largestPacket == 65_550)
    let large = [UInt8](repeating: 5, count: 64_000)
    var left = true
    _ = try wire.left.send(limit: 8, now: now) { buffer in
      guard left else { return nil }
      left = false
      var packet = write(large, &buffer)
      packet.metadata.segmentSize = 1448
      return packet
    }
    var sizes: [UInt16] = []
    _ = try wire.right.receive(limit: 8, now: now) { packet, metadata in
      #expect(packet.byteCount == 64_000)
      sizes.append(metadata.segmentSize)
    }
    #expect(sizes == [1448])
  }

  @Test("A tap sees what passes, both ways, in order")
  func taps() throws {
    let wire = MemoryLink.pair(mtu: 100, capacity: 4)
    let left = wire.left
    var right = wire.right
    nonisolated(unsafe) var seen: [String] = []
    var tapped = TappedLink(
      consume left, tap: ClosureTap { seen.append("\($0) \(octets($1)) \($2.nanoseconds)") })
    _ = try tapped.send(limit: 1, now: Instant(nanoseconds: 5)) { write([1, 2], &$0) }
    _ = try right.send(limit: 1, now: now) { write([3], &$0) }
    #expect(try tapped.receive(limit: 4, now: Instant(nanoseconds: 6)) { _, _ in } == 1)
    #expect(seen == ["sent [1, 2] 5", "received [3] 6"])
    #expect(tapped.counters.sentPackets == 1)
    #expect(tapped.mtu == 100)
  }

  #if os(Linux)
    @Test("Between threads every packet arrives once and in order, and the sleeper is woken")
    func crossesThreads() throws {
      let total = 20_000
      let wire = try MemoryLink.crossThreadPair(mtu: 68, capacity: 16)
      var left = wire.left
      let right = wire.right
      let start = Instant.origin
      let box = LinkBox(right)
      let producer = try SystemThread(name: "producer") {
        guard var right = box.take() else { return }
        var next = 0
        while next < total {
          let outcome = try? right.send(limit: 64, now: start) { buffer in
            guard next < total else { return nil }
            buffer.storeBytes(of: UInt32(next), as: UInt32.self)
            next += 1
            return OutgoingPacket(count: 4)
          }
          guard outcome == .full else { continue }
          guard Machine.wait(for: right.readiness) else { return }
          _ = try? right.receive(limit: 1, now: start) { _, _ in }
        }
      }
      var expected: UInt32 = 0
      var inOrder = true
      while expected < total, Machine.wait(for: left.readiness) {
        repeat {
        } while try left.receive(limit: 8, now: start) { packet, _ in
          inOrder = inOrder && packet.unsafeLoadUnaligned(as: UInt32.self) == expected
          expected += 1
        } == 8
      }
      producer.join()
      #expect(expected == UInt32(total))
      #expect(inOrder)
    }
  #endif
}

/// Carries a link into a thread.
final class LinkBox: @unchecked Sendable {
  private var link: MemoryLink?
  init(_ link: consuming MemoryLink) { self.link = consume link }
  func take() -> MemoryLink? { link.take() }
}
