import { describeBookingHistories } from '../contract/booking-history.ts';
import { slotStores } from '../support/slot-stores.ts';

describeBookingHistories('postgres', slotStores);
