import MartletTCP
import MartletTrace
import MartletWire
import Testing

/// The flows of a capture, in bounded memory.
@Suite("The flows of a capture")
struct FlowTableTests {
  private func client(_ number: Int) -> TraceEndpoint {
    TraceEndpoint(.v4(IPv4Address(bits: 0x0a42_0000 | UInt32(number >> 14))), UInt16(1_024 + number & 0x3fff))
  }

  private func passage(of number: Int) -> Passage {
    var passage = Passage()
    passage.client = client(number)
    return passage
  }

  private func time(_ milliseconds: Int) -> Instant { Exchange.time(Int64(milliseconds) * 1_000) }

  @Test(
    "Both directions are one flow, whoever is seen first; others are others, by either end and either port")
  func sameFlow() throws {
    for isAnswerFirst in [false, true] {
      var table = FlowTable()
      let passage = Passage()
      var segments = [passage.segment(.left, .syn, seq: 0), passage.segment(.right, .syn, seq: 0, ack: 1)]
      if isAnswerFirst { segments.reverse() }
      for segment in segments {
        let taken = table.take(segment, at: time(1))
        #expect(taken?.flow == 1)
        #expect(taken?.side == (segment.source == passage.client ? .left : .right))
      }
      #expect(table.flows.count == 1 && table.count == 1)
      #expect(table.flows[0].left == passage.client && table.flows[0].right == passage.server)
      #expect(table.flows[0].beginsInMiddle == isAnswerFirst)
      var other = passage
      other.client.port &+= 1
      #expect(table.take(other.segment(.left, .syn, seq: 0), at: time(2))?.flow == 2)
      other = passage
      other.server.address = .v6(IPv6Address(high: 0xfd00, low: 1))
      other.client.address = .v6(IPv6Address(high: 0xfd00, low: 2))
      #expect(table.take(other.segment(.left, .syn, seq: 0), at: time(3))?.flow == 3)
      #expect(table.flow(number: 2)?.left.port == passage.client.port &+ 1 && table.flow(number: 4) == nil)
    }
  }

  @Test("Thousands of flows are told apart, and each is found again")
  func many() {
    var table = FlowTable()
    for round in 0..<2 {
      for number in 0..<5_000 {
        let segment = passage(of: number).segment(.left, .syn, seq: 0)
        #expect(table.take(segment, at: time(round))?.flow == number + 1)
      }
    }
    #expect(table.flows.count == 5_000 && table.flows.allSatisfy { $0.segments == (2, 0) })
  }

  @Test("A flood makes room for others and is counted; whoever is connected stays, with the same number")
  func flood() throws {
    var table = FlowTable(limit: 100)
    let honest = Passage()
    for segment in [
      honest.segment(.left, .syn, seq: 0), honest.segment(.right, .syn, seq: 0, ack: 1),
      honest.segment(.left, seq: 1, ack: 1),
    ] { #expect(table.take(segment, at: time(0))?.flow == 1) }
    for number in 0..<10_000 {
      let taken = table.take(passage(of: number).segment(.left, .syn, seq: 0), at: time(1 + number))
      #expect(taken?.flow == number + 2)
      #expect(table.flows.count <= 100)
    }
    let stragglers = try #require(table.stragglers.first)
    #expect(table.stragglers.count == 1 && stragglers.server == honest.server)
    #expect(stragglers.flows + UInt64(table.flows.count) == 10_001)
    #expect(stragglers.first == time(1) && stragglers.last > time(9_000))
    #expect(table.count == 10_001 && table.ignored == 0)
    #expect(table.flow(number: 1)?.fate == .open)
    #expect(table.take(honest.segment(.left, .fin, seq: 1, ack: 1), at: time(99_999))?.flow == 1)
  }

  @Test("Where every flow is worth its room, further ones are ignored and counted")
  func full() {
    var table = FlowTable(limit: 100)
    for number in 0..<150 {
      // Each begins in the middle, so that it has come to something.
      let taken = table.take(passage(of: number).segment(.left, seq: 1, ack: 1, text: 10), at: time(number))
      #expect((taken == nil) == (number >= 100))
    }
    #expect(table.flows.count == 100 && table.ignored == 50 && table.stragglers.isEmpty)
    #expect(table.take(passage(of: 7).segment(.right, seq: 1, ack: 11), at: time(999))?.flow == 8)
  }

  @Test("Of servers that are scanned 64 are counted by name, the rest together")
  func scan() {
    var table = FlowTable(limit: 64)
    for number in 0..<10_000 {
      var passage = Passage()
      passage.server.port = UInt16(1 + number % 1_000)
      passage.client = client(number)
      _ = table.take(passage.segment(.left, .syn, seq: 0), at: time(number))
    }
    #expect(table.stragglers.count == 64 && table.flows.count <= 64)
    let counted = table.stragglers.reduce(0) { $0 + $1.flows }
    #expect(counted + table.ignored + UInt64(table.flows.count) == 10_000)
  }

  @Test("A limit of nothing is one of one")
  func least() {
    var table = FlowTable(limit: 0)
    #expect(table.take(passage(of: 1).segment(.left, .syn, seq: 0), at: time(1))?.flow == 1)
    #expect(table.take(passage(of: 2).segment(.left, .syn, seq: 0), at: time(2))?.flow == 2)
    #expect(table.flows.count == 1 && table.stragglers.count == 1)
  }
}
