import MartletLinks
import MartletStack
import MartletTCP
import MartletWire
import SystemPackage
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What these tests need of the machine. All devices live in namespaces that the tests make.
enum Machine {
  /// Nil when TUN devices and namespaces can be made; else why not, for the log of a skipped test.
  static let obstacle: String? = {
    guard geteuid() == 0 else { return "needs root" }
    guard access("/dev/net/tun", R_OK | W_OK) == 0 else { return "needs /dev/net/tun" }
    do {
      _ = try NetworkNamespace.anonymous()
    } catch {
      return "needs network namespaces: \(error)"
    }
    return nil
  }()

  static var hasTUN: Bool { obstacle == nil }

  /// Waits until `descriptor` is readable, five seconds at most.
  static func wait(for descriptor: FileDescriptor?) -> Bool {
    guard let descriptor else { return false }
    var entry = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 5_000) == 1
  }
}

extension Trait where Self == ConditionTrait {
  static var needsTUN: Self {
    .enabled("\(Machine.obstacle ?? "TUN devices are there")") { Machine.hasTUN }
  }
}

func prefix(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, _ length: UInt8) -> IPPrefix {
  IPPrefix(.v4(IPv4Address(a, b, c, d)), length: length)
}

/// The octets of a span.
func octets(_ span: RawSpan) -> [UInt8] { span.withUnsafeBytes { Array($0) } }

/// Writes octets to the start of a lent buffer.
func write(_ octets: [UInt8], _ buffer: inout MutableRawSpan) -> OutgoingPacket {
  for (i, octet) in octets.enumerated() { buffer.storeBytes(of: octet, toByteOffset: i, as: UInt8.self) }
  return OutgoingPacket(count: octets.count)
}
