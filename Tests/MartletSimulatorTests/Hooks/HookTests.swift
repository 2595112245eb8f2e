import MartletSimulator
import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Hooks on single packets, and somebody off the path.
@Suite struct HookTests {
  private func run(_ hooks: [PacketHook], overIPv6: Bool = false) throws -> (
    tally: [Observation], world: Simulation
  ) {
    let run = try transfer(LinkConditions(delay: .milliseconds(5)), overIPv6: overIPv6) { world in
      for hook in hooks { world.add(hook) }
    }
    #expect(run.server?.received == 262_144)
    #expect(run.server?.mismatch == nil)
    #expect(run.world.violation == nil)
    return (run.tally, run.world)
  }

  private var client: NodeID { HostID(index: 0).node }
  private var server: NodeID { HostID(index: 1).node }

  @Test("Only the packets that a pattern means are dropped")
  func drop() throws {
    let text = PacketPattern(from: client, text: .some)
    let run = try run([
      PacketHook(.drop, 2...3, of: text), PacketHook(.drop, 1, of: PacketPattern(with: .fin)),
    ])
    let matching = run.tally.filter { text.matches($0.packet) }
    #expect(matching.prefix(5).map { $0.fate == .droppedByRule } == [false, true, true, false, false])
    let fins = run.tally.filter { $0.packet.flags.contains(.fin) }
    #expect(fins.map { $0.fate == .droppedByRule }.prefix(2) == [true, false])
    #expect(run.tally.filter { $0.fate == .droppedByRule }.count == 3)
  }

  @Test("A pattern may ask for an end, for flags that are set or not, and for text")
  func patterns() throws {
    let run = try run([])
    func count(_ pattern: PacketPattern) -> Int { run.tally.filter { pattern.matches($0.packet) }.count }
    let all = count(PacketPattern())
    #expect(all == run.tally.count)
    #expect(count(PacketPattern(from: client)) + count(PacketPattern(from: server)) == all)
    #expect(count(PacketPattern(to: client)) == count(PacketPattern(from: server)))
    #expect(count(PacketPattern(with: .syn)) == 2)
    #expect(count(PacketPattern(with: [.syn, .ack])) == 1)
    #expect(count(PacketPattern(with: .syn, without: .ack)) == 1)
    #expect(count(PacketPattern(text: .some)) + count(PacketPattern(text: .none)) == all)
    #expect(
      PacketPattern(from: client, with: .fin, text: .none).words
        == "segments from host 0 with FIN without text")
  }

  @Test("A delay and a second copy are what was asked for")
  func delay() throws {
    let text = PacketPattern(from: client, text: .some)
    let run = try run([
      PacketHook(.delay(.milliseconds(30)), 4, of: text),
      PacketHook(.duplicate(after: .milliseconds(7)), 1, of: text),
    ])
    let matching = run.tally.filter { text.matches($0.packet) }
    let delays = matching.prefix(4).compactMap { seen in seen.arrival?.since(seen.packet.time) }
    #expect(delays == [.milliseconds(5), .milliseconds(5), .milliseconds(5), .milliseconds(35)])
    #expect(matching[0].secondArrival == matching[0].arrival?.advanced(by: .milliseconds(7)))
  }

  @Test("An edit mends the checksums, so that it is believed", arguments: [false, true])
  func edit(_ overIPv6: Bool) throws {
    let acks = PacketPattern(from: server, with: .ack, without: .syn)
    let run = try run([PacketHook(.edit(.window(0)), 1...2, of: acks)], overIPv6: overIPv6)
    #expect(run.world.hosts[0].stack.counters.drops == 0)
    #expect(
      run.tally.filter { acks.matches($0.packet) }.prefix(2).allSatisfy {
        $0.packet.header?.window.field == 0
      })
    #expect(
      run.world.hosts[0].stack.counters.tcp.tcpFromZeroWindowAdv
        + run.world.hosts[0].stack.counters.tcp.tcpWinProbe >= 0)
  }

  @Test("A flipped bit mends nothing, so that it is noticed", arguments: [false, true])
  func flip(_ overIPv6: Bool) throws {
    let text = PacketPattern(from: client, text: .some)
    let run = try run([PacketHook(.edit(.flipBit(480)), 1...3, of: text)], overIPv6: overIPv6)
    #expect(run.world.hosts[1].stack.counters.drops(.badTCPChecksum) == 3)
  }

  @Test(
    "Every edit that a stack may meet leaves a sound packet, or changes what it says",
    arguments: [false, true])
  func edits(_ overIPv6: Bool) throws {
    let text = PacketPattern(from: client, text: .some)
    let edits: [PacketEdit] = [
      .set(.psh), .clear(.psh), .congestion, .timeToLive(9), .truncate(90), .shiftSequence(0),
      .shiftAcknowledgment(0),
      .window(7),
    ]
    for edit in edits {
      let run = try run([PacketHook(.edit(edit), 2, of: text)], overIPv6: overIPv6)
      let seen = run.tally.filter { text.matches($0.packet) }[1].packet
      #expect(run.world.hosts[1].stack.counters.drops == 0, "\(edit)")
      switch edit {
      case .set: #expect(seen.flags.contains(.psh))
      case .clear: #expect(!seen.flags.contains(.psh))
      case .congestion: #expect(seen.octets[1] & (overIPv6 ? 0x30 : 3) != 0)
      case .timeToLive: #expect(seen.octets[overIPv6 ? 7 : 8] == 9)
      case .truncate: #expect(seen.octets.count == 90)
      case .window: #expect(seen.header?.window.field == 7)
      default: break
      }
    }
  }

  @Test("O5 somebody off the path changes nothing, whatever he sends", arguments: [false, true])
  func offPath(_ overIPv6: Bool) throws {
    let run = try transfer(LinkConditions(delay: .milliseconds(5)), overIPv6: overIPv6) { world in
      var attacker = OffPathAttacker(seed: 4)
      let family = overIPv6 ? 1 : 0
      let ports: [UInt16] = Array(32_768...32_867)
      for host in [0, 1] {
        let own = world.hosts[host].addresses[family]
        let other = world.hosts[1 - host].addresses[family]
        for (n, port) in ports.enumerated() {
          let here = Endpoint(address: own, port: host == 0 ? port : 80)
          let there = Endpoint(address: other, port: host == 0 ? 80 : port)
          for flags: TCPFlags in [.rst, [.rst, .ack], .ack, [.fin, .ack]] {
            let packet = attacker.segment(
              flags, from: there, to: here, of: world.hosts[host].id, textCount: 3)
            world.schedule(.inject(packet), after: .milliseconds(Int64(10 + n)))
          }
          let tooBig = attacker.packetTooBig(
            mtu: 600, from: other, about: here, to: there, of: world.hosts[host].id)
          world.schedule(.inject(tooBig), after: .milliseconds(Int64(10 + n)))
        }
      }
    }
    #expect(run.server?.received == 262_144)
    #expect(run.server?.mismatch == nil)
    let forged = run.tally.filter(\.isForged)
    #expect(forged.count == 1_000)
    #expect(
      run.tally.filter { !$0.isForged && $0.packet.textCount > 0 }.map(\.packet.octets.count).max() == 1_500)
    for host in run.world.hosts {
      #expect(host.stack.counters.drops(.badTCPChecksum) == 0)
      #expect(host.stack.counters.drops(.badICMPChecksum) == 0)
      #expect(host.stack.counters.inPackets == host.traffic.packetsIn)
    }
  }
}
