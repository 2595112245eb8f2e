import ArgumentParser
import MartletLinks

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Ends a command with the exit status that belongs to what went wrong, and says it.
func reportingFailures(_ body: () throws -> Void) throws {
  // A pipe that nobody reads any more is an error of the one write, and an end.
  signal(SIGPIPE, SIG_IGN)
  do {
    try body()
  } catch let error as LinkError {
    OutputStream.error.write("Error: \(error.message)\n")
    throw ExitStatus.of(error.code)
  } catch let error as DeliveryError {
    guard let reason = error.reason else { return }
    OutputStream.error.write("Error: Standard output cannot be written: \(reason).\n")
    throw ExitStatus.failed
  } catch let error as SpecificationError {
    OutputStream.error.write("Error: \(error)\n")
    throw ExitStatus.usage
  }
}
