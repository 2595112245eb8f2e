import MartletWire
import Testing

private func text(_ octets: [UInt8], relativeTo base: SequenceBase? = nil) -> String {
  packetText(octets.span.bytes, relativeTo: base)
}

private func frameText(_ octets: [UInt8]) -> String {
  packetText(octets.span.bytes, framing: .ethernet)
}

@Suite struct PacketTextTests {
  @Test("TCP, as tcpdump has it")
  func tcp() {
    #expect(
      text(Sample.v4(.tcp, Sample.tcp(.syn, seq: 123, window: 64_240, options: Sample.synOptions)))
        == "IP 10.0.0.1.1234 > 10.0.0.2.80: Flags [S], seq 123, win 64240, "
        + "options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0")
    #expect(
      text(Sample.v6(.tcp, Sample.tcp([.syn, .ack], seq: 5, ack: 124)))
        == "IP6 fd00:7::1.1234 > fd00:7::2.80: Flags [S.], seq 5, ack 124, win 502, length 0")
    #expect(
      text(Sample.v4(.tcp, Sample.tcp([.psh, .ack, .urg], seq: 0xffff_ffff, ack: 2, text: 10)))
        == "IP 10.0.0.1.1234 > 10.0.0.2.80: Flags [P.U], seq 4294967295:9, ack 2, win 502, urg 5, length 10")
    #expect(
      text(Sample.v4(.tcp, Sample.tcp(.ack, seq: 1, ack: 1100, options: Sample.sackOptions)))
        == "IP 10.0.0.1.1234 > 10.0.0.2.80: Flags [.], ack 1100, win 502, "
        + "options [nop,nop,TS val 9 ecr 8,nop,nop,sack 2 {1200:1300}{1400:1500}], length 0")
  }

  @Test("every flag has its sign")
  func flags() {
    let all: [(TCPFlags, String)] = [
      ([], "none"), (.fin, "F"), (.syn, "S"), (.rst, "R"), (.psh, "P"), (.ack, "."), (.urg, "U"), (.ece, "E"),
      (.cwr, "W"), (.ae, "e"), ([.syn, .ece, .cwr], "SEW"), ([.fin, .ack], "F."),
      (TCPFlags(rawValue: 0x1ff), "FSRP.UEWe"),
    ]
    for (flags, sign) in all { #expect(flags.description == sign) }
  }

  @Test("numbers relative to a connection's beginning, but for a SYN's own")
  func relative() {
    let base = SequenceBase(seq: SequenceNumber(1000), ack: SequenceNumber(1100))
    #expect(
      text(
        Sample.v4(.tcp, Sample.tcp(.ack, seq: 1001, ack: 1101, options: Sample.sackOptions, text: 5)),
        relativeTo: base)
        == "IP 10.0.0.1.1234 > 10.0.0.2.80: Flags [.], seq 1:6, ack 1, win 502, "
        + "options [nop,nop,TS val 9 ecr 8,nop,nop,sack 2 {100:200}{300:400}], length 5")
    #expect(
      text(Sample.v4(.tcp, Sample.tcp([.syn, .ack], seq: 1000, ack: 1101)), relativeTo: base)
        == "IP 10.0.0.1.1234 > 10.0.0.2.80: Flags [S.], seq 1000, ack 1, win 502, length 0")
  }

  @Test("options that are odd: unknown, end-of-list, cookies, impossible lengths")
  func oddOptions() {
    func options(_ octets: String) -> String {
      var segment = Sample.tcp(.ack) + hex(octets)
      segment[12] = UInt8((20 + hex(octets).count) / 4) << 4
      let line = text(Sample.v4(.tcp, segment))
      let inside = line.split(separator: "[").last?.split(separator: "]").first ?? ""
      return line.contains("[bad opt]") ? "bad" : String(inside)
    }
    #expect(options("fd04abcd") == "unknown-253 0xabcd")
    #expect(options("1b02 0000") == "unknown-27,eol")
    #expect(options("2202 0101") == "tfo cookiereq,nop,nop")
    #expect(
      options("2206 00112233 0000") == "tfo cookie 00112233,eol"
        || options("2206001122330000") == "tfo cookie 00112233,eol")
    for bad in ["0101fd00", "0101fd01", "0101fd03", "010101fd"] { #expect(options(bad) == "bad") }
  }

  @Test("UDP, fragments and other transports")
  func others() {
    #expect(text(Sample.v4(.udp, Sample.udp(12))) == "IP 10.0.0.1.53 > 10.0.0.2.9999: UDP, length 12")
    #expect(
      text(Sample.v4(.udp, Sample.udp(12), fragmentOffset: 1480, more: true))
        == "IP 10.0.0.1 > 10.0.0.2: udp frag 7 (1480|20+)")
    #expect(
      text(Sample.v6(.fragment, [17, 0, 0, 8, 0, 0, 0, 9, 1, 2]))
        == "IP6 fd00:7::1 > fd00:7::2: udp frag 9 (8|2)")
    #expect(text(Sample.v4(.igmp, [1, 2, 3])) == "IP 10.0.0.1 > 10.0.0.2: igmp, length 3")
    #expect(text(Sample.v4(IPProtocol(253), [1])) == "IP 10.0.0.1 > 10.0.0.2: ip-proto-253, length 1")
    #expect(
      text(Sample.v6(.routing, [6, 0, 0, 1, 0, 0, 0, 0]))
        == "IP6 fd00:7::1 > fd00:7::2: [parameter problem 0 at octet 42], length 8")
  }

  @Test("ICMP and ICMPv6, with what errors quote")
  func icmp() {
    let quoted = Sample.v4(.tcp, Sample.tcp(.ack))
    let ends = "IP 10.0.0.1 > 10.0.0.2: ICMP "
    #expect(
      text(Sample.icmp4(.echoRequest(identifier: 1, sequence: 2), [0, 0])) == ends
        + "echo request, id 1, seq 2, length 10")
    #expect(
      text(Sample.icmp4(.destinationUnreachable(.port, nextHopMTU: 0), quoted))
        == ends + "10.0.0.2 tcp port 80 unreachable, length 48")
    #expect(
      text(Sample.icmp4(.destinationUnreachable(.fragmentationNeeded, nextHopMTU: 1400), quoted))
        == ends + "10.0.0.2 unreachable - need to frag (mtu 1400), length 48")
    #expect(text(Sample.icmp4(.timeExceeded(code: 0))) == ends + "time exceeded in-transit, length 8")
    let ends6 = "IP6 fd00:7::1 > fd00:7::2: ICMP6, "
    #expect(text(Sample.icmp6(.packetTooBig(mtu: 1280))) == ends6 + "packet too big, mtu 1280, length 8")
    #expect(
      text(Sample.icmp6(.destinationUnreachable(.port), Sample.v6(.udp, Sample.udp(0))))
        == ends6 + "destination unreachable, unreachable port, fd00:7::2 udp port 9999, length 56")
    #expect(
      text(Sample.icmp6(.other(type: 135, code: 0, rest: 0), hex("fe800000000000000000000000000001")))
        == ends6 + "neighbor solicitation, who has fe80::1, length 24")
  }

  @Test("frames: ARP, IP inside, and what is not known")
  func frames() {
    #expect(frameText(Sample.arp(.request)) == "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28")
    #expect(frameText(Sample.arp(.reply)) == "ARP, Reply 10.0.0.1 is-at 02:00:00:00:00:01, length 28")
    #expect(
      frameText(Sample.ethernet(.ipv4, Sample.v4(.udp, Sample.udp(1)) + [0, 0, 0]))
        == "IP 10.0.0.1.53 > 10.0.0.2.9999: UDP, length 1")
    #expect(
      frameText(Sample.ethernet(EtherType(rawValue: 0x88cc), [0]))
        == "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype 0x88cc, length 15")
  }

  @Test("what is cut or wrong says so")
  func defects() {
    #expect(text([]) == "IP [truncated], length 0")
    #expect(text([0x45, 0]) == "IP [truncated], length 2")
    #expect(text([0x70]) == "IP [version 7], length 1")
    let packet = Sample.v4(.tcp, Sample.tcp(.ack))
    #expect(text(Array(packet.dropLast())) == "IP [bad-len], length 39")
    #expect(text(Sample.v4(.tcp, [1, 2, 3])) == "IP 10.0.0.1 > 10.0.0.2: TCP [truncated], length 3")
    var segment = Sample.tcp(.ack)
    segment[12] = 0x40
    #expect(text(Sample.v4(.tcp, segment)) == "IP 10.0.0.1 > 10.0.0.2: TCP [bad-hlen], length 20")
    #expect(
      text(Sample.v4(.udp, [0, 1, 0, 2, 0, 7, 0, 0])) == "IP 10.0.0.1 > 10.0.0.2: UDP [bad-len], length 8")
    #expect(frameText([1, 2, 3]) == "Ethernet [truncated], length 3")
  }
}
