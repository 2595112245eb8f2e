import Martlet
import MartletLinks
import MartletStack
import MartletTCP
import MartletTrace

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A pcapng file that grows: what it is given is written by `flush`.
final class CaptureFile {
  private let descriptor: Int32
  private let writer: PcapngWriter
  private let interface: PcapngInterfaceID
  private var pending: [UInt8] = []
  private var hasFailed = false

  /// Replaces the file.
  init(path: String, interface name: String, isEthernet: Bool = false) throws(SpecificationError) {
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw SpecificationError(
        "Cannot write \(path): \(String(cString: strerror(errno))). Name another file with --write.")
    }
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let wall = UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    var writer = PcapngWriter(
      into: &pending, application: "martlet", epoch: wall &- SystemClock.now.nanoseconds)
    interface = writer.add(PcapngInterface(isEthernet ? .ethernet : .rawIP, name: name), into: &pending)
    self.writer = writer
  }

  deinit {
    flush()
    close(descriptor)
  }

  /// A checksum that a device is to complete is completed in the file, so that it shows what the packet would be on a
  /// wire; what a device is to cut stays whole.
  func add(
    _ direction: MartletLinks.PacketDirection, _ packet: RawSpan, _ metadata: PacketMetadata, at now: Instant
  ) {
    let way: MartletTrace.PacketDirection = direction == .received ? .inbound : .outbound
    if let sum = metadata.completedChecksum(of: packet) {
      var whole = packet.withUnsafeBytes { [UInt8]($0) }
      whole[sum.place] = UInt8(sum.field >> 8)
      whole[sum.place + 1] = UInt8(sum.field & 0xff)
      writer.write(whole.span.bytes, at: now, on: interface, direction: way, into: &pending)
    } else {
      writer.write(packet, at: now, on: interface, direction: way, into: &pending)
    }
    if pending.count > 1 << 20 { flush() }
  }

  /// Writes what there is. A full disk ends the capture, not the command.
  func flush() {
    guard !pending.isEmpty, !hasFailed else { return }
    pending.withUnsafeBytes { octets in
      var done = 0
      while done < octets.count {
        guard let base = octets.baseAddress else { return }
        let count = Glibc.write(descriptor, base + done, octets.count - done)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else {
          hasFailed = true
          return
        }
        done += count
      }
    }
    pending.removeAll(keepingCapacity: !hasFailed)
  }
}

/// Puts every packet of a link into a capture, if there is one.
struct CaptureTap: PacketTap {
  let file: CaptureFile?

  func observe(
    _ direction: MartletLinks.PacketDirection, _ packet: RawSpan, _ metadata: PacketMetadata, at now: Instant
  ) {
    file?.add(direction, packet, metadata, at: now)
  }
}
