import MartletTCP
import MartletWire

/// How packets get to a destination: the interface, and the largest that gets there.
struct Path: BitwiseCopyable {
  var interface: InterfaceID
  var mtu: UInt16

  /// RFC 9293 §3.7.1: the MTU less the headers without options.
  func mss(isIPv4: Bool) -> UInt16 {
    let headers: UInt16 = isIPv4 ? 40 : 60
    return mtu > headers ? mtu &- headers : 1
  }
}

extension NetworkStack {
  /// Nil: there is no route.
  mutating func path(to destination: IPAddress, zone: UInt16 = 0) -> Path? {
    guard let interface = routing.interface(to: destination, zone: zone), isPresent(interface) else {
      return nil
    }
    var mtu = destination.isIPv4 ? interfaces[interface.index].mtu4 : interfaces[interface.index].mtu6
    if let known = destinations.find(destination, zone: zone, now: clock) { mtu = min(mtu, known.pathMTU) }
    return Path(interface: interface, mtu: mtu)
  }

  /// The MSS option of a flow that leaves through `interface` (RFC 9293 MUST-67).
  mutating func offeredMSS(_ flow: Flow, _ interface: InterfaceID, _ options: ConnectionOptions) -> UInt16 {
    offeredMSS(flow, interface, cap: options.maximumSegmentSize)
  }

  /// - Parameter cap: 0: there is none.
  @inline(__always)
  mutating func offeredMSS(_ flow: Flow, _ interface: InterfaceID, cap: UInt16) -> UInt16 {
    let mss = interfaces[interface.index].mss(isIPv4: flow.local.isIPv4)
    return cap == 0 ? mss : min(mss, cap)
  }
}

extension Flow {
  /// Both ends are one: a connection with itself, which nobody wants.
  var isOfItself: Bool { localPort == remotePort && local == remote }

  /// What to send to a peer that offers no MSS (RFC 9293 MUST-15; §3.7.1).
  var defaultMSS: UInt16 { local.isIPv4 ? 536 : 1_220 }
}
