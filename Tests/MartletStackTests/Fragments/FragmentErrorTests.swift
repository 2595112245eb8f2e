import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("What is said about fragments")
struct FragmentErrorTests {
  /// An ICMP message to the receiver, of some type.
  private func message(_ type: UInt8, _ r: Receiver) -> Packet {
    icmp(from: r.peer.address, to: r.own.address, type: type, rest: 0x0001_0002, pattern(200))
  }

  @Test(
    "RFC 1122 §3.2.2, RFC 4443 §2.4: that an error is not complete is no error; that a question is not, is",
    arguments: [(4, 3, 0), (4, 11, 0), (4, 12, 0), (4, 8, 1), (6, 1, 0), (6, 4, 0), (6, 128, 1)])
  func incomplete(version: Int, type: UInt8, answers: Int) throws {
    let r = try Receiver(version)
    r.inject([fragment(of: message(type, r), 0, 104)])
    #expect(r.host.stack.held.unfinishedDatagrams == 1)
    r.host.advance(by: .seconds(61))
    #expect(r.host.pull().count == answers)
    #expect(r.host.stack.held.unfinishedDatagrams == 0)
  }

  @Test(
    "RFC 4443 §2.4: nothing is said about a fragment that may be of an error",
    arguments: [(1, 0, 0), (128, 0, 1), (1, 8, 0), (128, 8, 0)])
  func badLength(type: UInt8, start: Int, answers: Int) throws {
    let r = try Receiver(6)
    r.inject([fragment(of: message(type, r), start, start + 51, more: true)])
    #expect(r.host.drops(.badFragment) == 1)
    #expect(r.host.pull().count == answers)
  }

  @Test("RFC 8200 §4.1: hop-by-hop options are first or not at all, in what was cut, too")
  func hopByHop() throws {
    let r = try Receiver(6)
    let datagram = r.datagram(pattern(100))
    var packet = Packet(datagram.prefix(40)) + [17, 0, 1, 4, 0, 0, 0, 0] + datagram.dropFirst(40)
    packet[6] = 0
    store(UInt16(packet.count - 40), in: &packet, at: 4)
    let first = fragment(of: packet, 0, 56)
    r.inject([first, fragment(of: packet, 56, packet.count - 40)])
    #expect(r.text() == nil)
    #expect(r.host.drops(.badExtensionHeader) == 1)
    // The next header of the fragment header, which stands behind the forty octets of the first.
    #expect(
      r.host.pull().map(\.packet) == [
        icmp(from: r.own.address, to: r.peer.address, type: 4, code: 1, rest: 40, first)
      ])
  }
}
