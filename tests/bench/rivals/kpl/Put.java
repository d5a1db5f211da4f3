// Sends the lines of a file with the Kinesis Producer Library: Java hands them to its native process, which batches,
// signs and sends. Writes the CPU seconds of that process into a file. All of its endpoints are the null server.
//
//     java Put PORT FILE CPU_FILE [aggregate]
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import com.google.common.util.concurrent.FutureCallback;
import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.MoreExecutors;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

public class Put {
    private static final int WAITING = 100_000; // it has no back-pressure of its own

    public static void main(String[] args) throws Exception {
        StaticCredentialsProvider credentials =
            StaticCredentialsProvider.create(AwsBasicCredentials.create("bench", "bench"));
        KinesisProducer producer = new KinesisProducer(new KinesisProducerConfiguration()
            .setKinesisEndpoint("127.0.0.1").setKinesisPort(Long.parseLong(args[0]))
            .setStsEndpoint("127.0.0.1").setStsPort(Long.parseLong(args[0]))
            .setCloudwatchEndpoint("127.0.0.1").setCloudwatchPort(Long.parseLong(args[0])).setVerifyCertificate(false)
            .setRegion("us-east-1").setCredentialsProvider(credentials).setMetricsCredentialsProvider(credentials)
            .setMetricsLevel("none").setAggregationEnabled(args.length > 3).setRateLimit(1_000_000)
            .setRecordTtl(600_000).setRequestTimeout(60_000));
        Semaphore room = new Semaphore(WAITING);
        AtomicLong failed = new AtomicLong();
        FutureCallback<UserRecordResult> done = new FutureCallback<UserRecordResult>() {
            public void onSuccess(UserRecordResult result) {
                room.release();
            }

            public void onFailure(Throwable why) {
                if (failed.getAndIncrement() == 0) System.err.println(why);
                room.release();
            }
        };
        for (String line : (Iterable<String>) Files.lines(Path.of(args[1]))::iterator) {
            room.acquire();
            String key = line.substring(9, 45); // {"uuid":"...
            Futures.addCallback(
                producer.addUserRecord("r-d-kinesis-stream", key, ByteBuffer.wrap(line.getBytes())), done,
                MoreExecutors.directExecutor());
        }
        producer.flushSync();
        room.acquire(WAITING);
        double seconds = ProcessHandle.current().children()
            .mapToLong(child -> child.info().totalCpuDuration().map(d -> d.toMillis()).orElse(0L)).sum() / 1e3;
        Files.writeString(Path.of(args[2]), Double.toString(seconds));
        producer.destroy();
        System.exit(failed.get() == 0 ? 0 : 1);
    }
}
