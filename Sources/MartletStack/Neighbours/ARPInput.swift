import MartletTCP
import MartletWire

extension NetworkStack {
  /// RFC 826 with the checks of RFC 5227. What it says is somebody's word: it updates what is known, answers what
  /// was asked, and creates an entry only for who asks for us, since he wants an answer (robustness rule O11).
  mutating func arpArrives(_ bytes: RawSpan, on interface: InterfaceID) {
    guard let packet = ARPPacket(parsing: bytes),
      packet.operation == .request || packet.operation == .reply,
      packet.senderHardware.isUnicast, packet.senderHardware != interfaces[interface.index].link.hardware
    else { return counts.drop(.badARP) }
    let sender = IPAddress.v4(packet.senderProtocol)
    let target = IPAddress.v4(packet.targetProtocol)
    let isForUs = routing.isOurs(target, on: interface)
    if packet.senderProtocol.isUnspecified {
      guard packet.operation == .request else { return counts.drop(.badARP) }
      // RFC 5227 §2.1.1: a probe. Whoever probes for what we probe for would have it too.
      if isForUs { return answer(packet, on: interface) }
      return addressIsProbed(target, by: packet.senderHardware, on: interface)
    }
    guard sender.isUnicastDestination, !sender.isLoopback, !routing.isSubnetBroadcast(packet.senderProtocol)
    else { return counts.drop(.badARP) }
    if addressIsClaimed(sender, by: packet.senderHardware, on: interface) {
      return counts.drop(.addressClaimed)
    }
    guard routing.isOnLink(sender, interface) else { return counts.drop(.neighbourIgnored) }
    if let n = neighbours.find(sender, on: interface) {
      learn(n, packet.senderHardware, solicited: packet.operation == .reply && isForUs, override: true)
    } else if isForUs, packet.operation == .request {
      enter(sender, packet.senderHardware, on: interface)
    } else {
      return counts.drop(.neighbourIgnored)
    }
    if isForUs, packet.operation == .request { answer(packet, on: interface) }
  }

  private mutating func answer(_ request: ARPPacket, on interface: InterfaceID) {
    let asking = IPAddress.v4(request.senderProtocol)
    guard answersForAll, mayTell(asking, request.senderHardware, on: interface) else { return }
    let own = interfaces[interface.index].link.hardware
    queueARP(
      ARPPacket(
        operation: .reply, senderHardware: own, senderProtocol: request.targetProtocol,
        targetHardware: request.senderHardware, targetProtocol: request.senderProtocol),
      to: request.senderHardware, on: interface)
  }
}
